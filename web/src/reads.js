/**
 * Answers of the server that screens show beside the live data: read, kept, read again.
 *
 * However many components want one path, it is asked for once. What was read stays when a later
 * read fails: it is then shown with its age. Nothing is asked while the page is hidden or nobody
 * is signed in, and while it is paused only what was never read; whoever comes back sees it again
 * at once.
 */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { Refused } from "./api.js";

// A screen one comes back to shows what it showed, and is read anew at the same time.
const KEPT_MAX = 40;
const RETRY_MS = 3_000;

// What does not exist will not come by asking again; a fault or a full server may pass.
const mayPass = (status) => status >= 500 || status === 429;

const NOTHING = { data: null, error: null, at: null, loading: true };

export class Reads {
  constructor({ board, ask, feed, later = setTimeout, cancel = clearTimeout, hidden = () => false }) {
    Object.assign(this, { board, ask, feed, later, cancel, hidden });
    this.kept = new Map();
    this.era = 0;
  }

  /** Return the entry of a path; its `state` is a signal of `{data, error, at, loading}`. */
  entry(path) {
    let entry = this.kept.get(path);
    if (entry === undefined) {
      entry = { path, state: signal(NOTHING), users: new Map(), timer: null, asking: null };
      this.kept.set(path, entry);
      this.#trim();
    }
    return entry;
  }

  /** Want a path, read every so often; answers what ends the wish. */
  want(path, everyMs = null) {
    const entry = this.entry(path);
    const wish = Symbol(path);
    entry.users.set(wish, everyMs);
    this.#plan(entry, 0);
    return () => {
      entry.users.delete(wish);
      if (entry.users.size === 0) this.cancel(entry.timer);
    };
  }

  /** Read everything that is wanted again: after an outage, or when the page is seen again. */
  again() {
    for (const entry of this.kept.values()) if (entry.users.size > 0) this.#plan(entry, 0);
  }

  /** Forget everything: another person may sign in, and what is under way is not for them. */
  forget() {
    this.era += 1;
    for (const entry of this.kept.values()) {
      this.cancel(entry.timer);
      entry.asking = null;
      entry.state.value = NOTHING;
    }
  }

  async #read(entry) {
    if (entry.users.size === 0 || this.#mayNot(entry)) return;
    const { era } = this;
    entry.asking ??= this.#ask(entry);
    const good = await entry.asking;
    if (era !== this.era) return;
    entry.asking = null;
    const every = Math.min(...[...entry.users.values()].map((ms) => ms ?? Infinity));
    const waitMs = good ? every : Math.min(every, RETRY_MS);
    if (Number.isFinite(waitMs)) this.#plan(entry, waitMs);
  }

  async #ask(entry) {
    const { era } = this;
    const show = (state) => {
      if (era === this.era) entry.state.value = { ...entry.state.peek(), ...state, loading: false };
    };
    try {
      const data = await this.ask(entry.path);
      show({ data, error: null, at: this.board.clock.now() });
      return true;
    } catch (error) {
      show({ error });
      if (error instanceof Refused && error.status === 401) this.feed?.retrySession();
      return error instanceof Refused && !mayPass(error.status);
    }
  }

  /** What was never read is read while the board is paused too: it is for one who just came. */
  #mayNot(entry) {
    if (this.hidden() || this.board.session.peek() === null) return true;
    return this.board.pausedAt.peek() !== null && entry.state.peek().data !== null;
  }

  #plan(entry, waitMs) {
    this.cancel(entry.timer);
    entry.timer = this.later(() => this.#read(entry), waitMs);
  }

  #trim() {
    for (const [path, entry] of this.kept) {
      if (this.kept.size <= KEPT_MAX) return;
      if (entry.users.size === 0) this.kept.delete(path);
    }
  }
}

/** Read a path for as long as the component is there; null reads nothing. */
export function useRead(page, path, everyMs = null) {
  useEffect(() => (path === null ? undefined : page.reads.want(path, everyMs)), [path, everyMs]);
  return path === null ? NOTHING : page.reads.entry(path).state.value;
}
