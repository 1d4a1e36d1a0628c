/**
 * Keeps the store current: session, snapshots over HTTP, deltas over the socket.
 *
 * Order within a connection: the server sends the live calls, we subscribe from their position,
 * deltas follow. Whatever goes wrong ends in a new snapshot or a new connection, never in a
 * reload of the page.
 */

import { Refused, Unanswered } from "./api.js";
import { isLive, TERMINAL_STATUSES } from "./store/statuses.js";

const ACK_TIMEOUT_MS = 8_000;
const SNAPSHOT_TIMEOUT_MS = 8_000;
const RETRY_MS = [500, 1_000, 2_000, 4_000, 5_000];
const CLOCK_CHECK_MS = 5 * 60_000;
const RECENT_WANTED = 25;
const RECENT_PAGE = 100;

export class Feed {
  constructor({ board, ask, connect, later = setTimeout, cancel = clearTimeout }) {
    Object.assign(this, { board, ask, connect, later, cancel });
    this.socket = null;
    this.timers = new Map();
    this.attempts = new Map();
    this.link = null;
    this.complaint = null; // what the sign-in form says at first
    this.screen = "dashboard";
  }

  /** Ask who we are and go on from there; the only entry, also after an outage. */
  async start() {
    const session = (this.link && (await this.#useLink())) || (await this.#readSession());
    if (session) this.#open();
  }

  /** Start with a one-time link; where it does not count, the session there is goes on. */
  async startWith(link) {
    this.link = link;
    await this.start();
  }

  async #useLink() {
    const body = { link: this.link };
    try {
      const session = await this.#timed("/api/session", { method: "POST", body });
      this.link = null;
      this.#welcome(session);
      return session;
    } catch (error) {
      // Without an answer nobody used it up, and `start` comes back to it.
      if (!(error instanceof Refused)) return null;
      this.link = null;
      this.complaint =
        error.status === 401 ? "This link was used already, or is too old." : error.message;
      return null;
    }
  }

  /** Sign in with a key; answers null, or what to tell the person. */
  async signIn(key) {
    try {
      this.#welcome(await this.#timed("/api/session", { method: "POST", body: { key } }));
    } catch (error) {
      if (!(error instanceof Refused)) return "The server does not answer. Try again.";
      return error.status === 401 ? "This key is not known here." : error.message;
    }
    this.#open();
    return null;
  }

  async signOut() {
    await this.ask("/api/session", { method: "DELETE" }).catch(() => null);
    this.#signedOut();
  }

  /** Note what the person looks at, and tell the server. */
  looksAt(screen) {
    if (this.screen === screen) return;
    this.screen = screen;
    if (this.socket?.connected) this.socket.emit("page", { page: screen });
  }

  /** Somebody was told that nobody is signed in: find out, and show the sign-in form if so. */
  retrySession() {
    this.#again("clock", () => this.#readSession(), 0);
  }

  /** Try again now rather than at the next turn. */
  retryNow() {
    if (this.board.connection.value.state === "signed-out") return;
    if (this.socket) this.#reconnectNow();
    else this.#again("session", () => this.start(), 0);
  }

  async #readSession() {
    try {
      const session = await this.#timed("/api/session");
      this.#welcome(session);
      return session;
    } catch (error) {
      if (error instanceof Refused && error.status === 401) this.#signedOut();
      else this.#noSession();
      return null;
    }
  }

  #noSession() {
    // The socket lives: one plain request that failed says nothing about what is shown.
    if (this.socket?.connected) {
      this.#again("clock", () => this.#readSession(), CLOCK_CHECK_MS);
      return;
    }
    this.board.connectionEvent("unanswered");
    if (!this.socket) this.#again("session", () => this.start());
  }

  async #timed(path, options) {
    const { clock } = this.board;
    const sent = clock.localNow();
    const session = await this.ask(path, options);
    clock.learn(session.serverTime, sent, clock.localNow());
    return session;
  }

  #welcome(session) {
    this.attempts.delete("session");
    this.complaint = null;
    this.board.session.value = session;
    this.board.connectionEvent("signed-in");
    this.board.connectionEvent("answered");
    this.#again("clock", () => this.#readSession(), CLOCK_CHECK_MS);
  }

  #signedOut() {
    for (const timer of this.timers.values()) this.cancel(timer);
    this.timers.clear();
    this.attempts.clear();
    this.socket?.close();
    this.socket = null;
    this.board.session.value = null;
    this.board.connectionEvent("unauthorized");
    this.board.forget();
  }

  #open() {
    if (this.socket) return;
    const socket = this.connect();
    this.socket = socket;
    socket.on("connect", () => this.#connected());
    socket.on("disconnect", () => this.#lost());
    socket.on("connect_error", () => this.#notConnected());
    socket.on("active_calls", (payload) => this.#snapshot(payload));
    socket.on("call_update", (update) => this.#callUpdate(update));
    socket.on("campaign_update", (status) => {
      if (this.board.campaignStore.applyUpdate(status)) this.board.changed();
    });
    socket.on("summary_update", (payload) => {
      if (payload.period === "today" && this.board.summaryStore.apply(payload)) {
        this.board.changed();
      }
    });
    socket.on("resync", (payload) => this.#resync(payload?.view ?? "calls"));
    socket.connect();
  }

  #connected() {
    this.attempts.delete("connect");
    this.subscribed = false;
    this.socket.emit("page", { page: this.screen });
    this.#again("snapshot", () => this.#wantSnapshot(), SNAPSHOT_TIMEOUT_MS);
    this.#subscribe("campaigns", () => this.#load("campaigns"));
    this.#subscribe("summary", () => this.#load("summary"));
    this.#load("recent");
    this.#again("clock", () => this.#readSession(), CLOCK_CHECK_MS);
  }

  #lost() {
    this.#forgetTimer("snapshot");
    this.#forgetTimer("calls");
    this.board.connectionEvent("lost");
    this.#again("connect", () => this.#reconnectNow());
  }

  /** Find out whether it was the key, the server or only the socket. */
  async #notConnected() {
    this.board.connectionEvent("lost");
    await this.#readSession();
    if (this.socket) this.#again("connect", () => this.#reconnectNow());
  }

  #reconnectNow() {
    if (!this.socket || this.socket.connected) return;
    this.socket.close();
    this.socket.connect();
  }

  #snapshot(payload) {
    this.#forgetTimer("snapshot");
    this.attempts.delete("snapshot");
    if (this.board.calls.applySnapshot(payload)) this.board.changed();
    if (this.subscribed) {
      this.board.connectionEvent("current");
      return;
    }
    this.subscribed = true;
    this.#subscribe("calls", () => {
      if (!this.board.calls.stale) this.board.connectionEvent("current");
      this.board.show();
    });
  }

  #callUpdate(update) {
    const outcome = this.board.calls.applyUpdate(update);
    if (outcome === "applied") this.board.changed();
    if (outcome === "resync") this.#wantSnapshot();
  }

  #resync(view) {
    if (view === "calls") {
      this.board.calls.stale = true;
      this.#wantSnapshot();
    } else this.#load(view);
  }

  /** Ask for the live calls; when even that gets no answer the connection is worth nothing. */
  #wantSnapshot() {
    const failures = this.attempts.get("snapshot") ?? 0;
    this.attempts.set("snapshot", failures + 1);
    if (failures >= 2) {
      this.attempts.delete("snapshot");
      this.socket.close();
      this.#lost();
      return;
    }
    this.socket.emit("get:active_calls");
    this.#again("snapshot", () => this.#wantSnapshot(), SNAPSHOT_TIMEOUT_MS);
  }

  #subscribe(view, done) {
    const socket = this.socket;
    const since = view === "calls" ? this.board.calls.position : null;
    const answered = (error) => {
      if (this.socket !== socket || !socket.connected) return;
      if (error) this.#again(view, () => this.#subscribe(view, done));
      else {
        this.attempts.delete(view);
        done();
      }
    };
    socket.emit(`subscribe:${view}`, since ? { since } : {}, answered, ACK_TIMEOUT_MS);
  }

  async #load(view) {
    const name = `load:${view}`;
    try {
      await LOADERS[view](this.ask, this.board);
      this.attempts.delete(name);
      this.board.problem(view, null);
      this.board.changed();
    } catch (error) {
      if (error instanceof Refused && error.status === 401) this.#signedOut();
      else if (this.socket) {
        this.board.problem(view, error.message);
        if (!(error instanceof Refused || error instanceof Unanswered)) console.error(error);
        this.#again(name, () => this.#load(view));
      }
    }
  }

  /** Do something later, with growing pauses unless told when; a new plan replaces the old. */
  #again(name, action, delayMs) {
    this.#forgetTimer(name);
    let waitMs = delayMs;
    if (waitMs === undefined) {
      const failures = this.attempts.get(name) ?? 0;
      this.attempts.set(name, failures + 1);
      waitMs = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
    }
    const run = () => {
      this.timers.delete(name);
      action();
    };
    this.timers.set(name, this.later(run, waitMs));
  }

  #forgetTimer(name) {
    this.cancel(this.timers.get(name));
    this.timers.delete(name);
  }
}

const LOADERS = {
  async summary(ask, board) {
    board.summaryStore.apply(await ask("/api/dashboard/summary?period=today"));
  },
  async campaigns(ask, board) {
    board.campaignStore.applyList(await ask("/api/campaigns"));
  },
  async recent(ask, board) {
    const newest = (await ask(`/api/calls?limit=${RECENT_PAGE}`)).calls;
    const ended = newest.filter((call) => !isLive(call.status));
    board.calls.addRecent(ended);
    // On a busy board the newest calls are all live: then each way to end is asked for.
    if (ended.length < RECENT_WANTED && newest.length === RECENT_PAGE) {
      const path = `/api/calls?limit=${RECENT_WANTED}&status=`;
      const found = await Promise.all(TERMINAL_STATUSES.map((status) => ask(path + status)));
      for (const { calls } of found) board.calls.addRecent(calls);
    }
    board.recentLoaded = true;
  },
};
