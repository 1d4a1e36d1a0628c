/** The words, icons and tones of a call's states; colour never stands alone. */

// A queued call waits at Twilio and occupies no line yet: the server does not list it as active.
export const LIVE_STATUSES = ["initiated", "ringing", "in-progress"];
export const TERMINAL_STATUSES = [
  "completed", "busy", "failed", "no-answer", "canceled", "unconfirmed",
];

const STATUSES = {
  queued: { word: "Queued", icon: "queued", tone: "idle" },
  initiated: { word: "Dialing", icon: "initiated", tone: "info" },
  ringing: { word: "Ringing", icon: "ringing", tone: "warn" },
  "in-progress": { word: "In progress", icon: "in-progress", tone: "good" },
  completed: { word: "Completed", icon: "completed", tone: "good" },
  busy: { word: "Busy", icon: "busy", tone: "warn" },
  failed: { word: "Failed", icon: "failed", tone: "bad" },
  "no-answer": { word: "No answer", icon: "no-answer", tone: "warn" },
  canceled: { word: "Canceled", icon: "canceled", tone: "idle" },
  // Nobody told the end of the call: the server gave it up.
  unconfirmed: { word: "Unconfirmed", icon: "unknown", tone: "idle" },
};

const LIVE = new Set(LIVE_STATUSES);

// Seconds in a state after which it is worth a look, and after which something is likely wrong:
// carriers give up ringing after a minute, and few agent talks pass five minutes.
const WAITING_S = [30, 60];
const TALKING_S = [5 * 60, 15 * 60];

/** Return whether a call with this status occupies a line. */
export function isLive(status) {
  return LIVE.has(status);
}

/** Return word, icon and tone of a status, also of one we have never heard of. */
export function describe(status) {
  return STATUSES[status] ?? { word: sentence(status) || "Unknown", icon: "unknown", tone: "idle" };
}

/** Return how far along the line of attention a state is, for sorting by state. */
export function rank(status) {
  const found = LIVE_STATUSES.indexOf(status);
  return found === -1 ? LIVE_STATUSES.length : found;
}

/** Return 0, 1 or 2: as usual, long, very long. */
export function heat(status, elapsedMs) {
  const [long, veryLong] = status === "in-progress" ? TALKING_S : WAITING_S;
  const seconds = elapsedMs / 1000;
  if (seconds >= veryLong) return 2;
  return seconds >= long ? 1 : 0;
}

/** Return a machine's word as people write it: `left_voicemail` is "Left voicemail". */
export function sentence(text) {
  const words = String(text ?? "").replaceAll(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
