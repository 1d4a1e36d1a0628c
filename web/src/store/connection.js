/**
 * What the board may say about its connection: a pure machine from events to a state.
 *
 * States: connecting (never had data), live, reconnecting (had data, is trying), offline (the
 * server does not answer at all), signed-out.
 */

// A restart of the server takes a few seconds: until then "reconnecting" is the whole truth.
export const UNREACHABLE_AFTER_MS = 15_000;

export const START = { state: "connecting", since: null, hadData: false };

/** Return the next state; `at` is the instant of the event in milliseconds. */
export function nextConnection(now, event, at) {
  switch (event) {
    case "current": // a snapshot is applied and updates follow it
      return now.state === "live" ? now : { state: "live", since: at, hadData: true };
    case "unauthorized":
      return now.state === "signed-out" ? now : { state: "signed-out", since: at, hadData: false };
    case "signed-in":
      return now.hadData ? now : { state: "connecting", since: at, hadData: false };
    case "lost":
      return lost(now, at);
    case "unanswered": // the server did not answer a plain request either
      return unanswered(now, at);
    case "answered": // it does answer, so the socket is all that is missing
      return now.state === "offline" ? { ...now, state: waiting(now) } : now;
    default:
      return now;
  }
}

function waiting(now) {
  return now.hadData ? "reconnecting" : "connecting";
}

function lost(now, at) {
  return now.state === "live" ? { state: "reconnecting", since: at, hadData: true } : now;
}

function unanswered(now, at) {
  if (now.state === "offline" || now.state === "signed-out") return now;
  const trying = now.state === "live" ? lost(now, at) : now;
  const sinceMs = trying.since ?? at;
  const givenUp = !trying.hadData || at - sinceMs >= UNREACHABLE_AFTER_MS;
  return givenUp ? { ...trying, state: "offline", since: sinceMs } : trying;
}
