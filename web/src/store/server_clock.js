/**
 * The server's clock as seen from here.
 *
 * Timers count by it, because an operator's machine may be minutes off.
 */
export class ServerClock {
  constructor(localNow = Date.now) {
    this.localNow = localNow;
    this.offsetMs = 0;
  }

  /** Learn from an answer: the server looked at its clock about halfway through the request. */
  learn(serverTime, sentMs, receivedMs) {
    const told = Date.parse(serverTime);
    if (!Number.isNaN(told)) this.offsetMs = told - (sentMs + receivedMs) / 2;
  }

  /** Return the server's now, in milliseconds. */
  now() {
    return this.localNow() + this.offsetMs;
  }
}
