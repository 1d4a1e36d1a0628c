/** What a vendor's feed is: a word, a tone, and what to do about it. */

const NAMES = { twilio: "Twilio", elevenlabs: "ElevenLabs" };
const SECRETS = { twilio: "TWILIO_AUTH_TOKEN", elevenlabs: "ELEVENLABS_WEBHOOK_SECRET" };

// As the alert rule of signatures: of few webhooks nobody can say that the secret is wrong.
const REFUSED_SHARE = 0.2;

/** Return a vendor's name as it writes itself. */
export function vendorName(vendor) {
  return Object.hasOwn(NAMES, vendor) ? NAMES[vendor] : vendor;
}

/** Return `{name, word, tone, advice}` of a feed of `/api/system`; what is missing is unknown. */
export function describeFeed(feed) {
  return { name: vendorName(feed.vendor), ...stateOf(feed) };
}

function stateOf({ vendor, configured, silent, refused, lastHour, lastAt }) {
  if (configured === false) {
    return say("not set up", "idle", `Set ${SECRETS[vendor] ?? "its secret"} to take its webhooks.`);
  }
  if (silent === true) {
    return say(
      "silent while calls are live",
      "bad",
      "Is our public URL reachable from outside? Look at the vendor's webhook errors and status page.",
    );
  }
  if (isRefused(refused, lastHour)) {
    return say(
      "wrong signatures",
      lastHour > 0 ? "warn" : "bad",
      "Compare the vendor's secret and CALLBOARD_PUBLIC_URL with its console; else somebody is trying.",
    );
  }
  if (!lastAt && !(lastHour > 0)) {
    // Not a word of the last hour either: then nobody knows, rather than that nothing came.
    if (lastHour === null || lastHour === undefined) return say("not known", "idle", null);
    return say("nothing has come yet", "idle", "Is our webhook's address in the vendor's console?");
  }
  return say("working", "good", null);
}

/** A stray forged request is no news: only a good part of what comes is. */
function isRefused(refused, lastHour) {
  if (!(refused > 0)) return false;
  return refused / (refused + (lastHour ?? 0)) > REFUSED_SHARE;
}

function say(word, tone, advice) {
  return { word, tone, advice };
}
