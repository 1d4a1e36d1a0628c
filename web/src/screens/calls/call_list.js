/**
 * The calls that were found, page after page; what is loaded keeps its place.
 *
 * A call that changes on the board changes in its row. Calls that are new are only counted:
 * nothing moves until somebody asks for them.
 */

import { signal } from "@preact/signals";

import { Refused } from "../../api.js";
import { callParameters, matches, PAGE_LENGTH } from "../../store/call_query.js";

/** More rows than these help nobody: the filter should be narrower, or a table be exported. */
export const ROWS_MAX = 2_000;

const NOTHING = { calls: null, next: null, error: null, at: null, loading: false, newer: 0 };

export class CallList {
  constructor({ ask, board, feed = null }) {
    Object.assign(this, { ask, board, feed });
    this.state = signal(NOTHING);
    this.filter = null;
    this.asked = null; // what the calls shown were asked for by
    this.session = null;
    this.known = new Set();
    this.fresh = new Set();
    this.turn = 0;
  }

  /** Show the calls of a filter, unless they are here already and complete. */
  async open(filter) {
    const asked = callParameters(filter);
    const session = this.board.session.peek()?.name;
    const isSame = asked === this.asked && session === this.session;
    if (isSame && (this.state.peek().loading || this.state.peek().calls)) return;
    Object.assign(this, { filter, asked, session });
    this.state.value = NOTHING;
    await this.reload();
  }

  /** Read the latest page anew; what was loaded beyond it is dropped. */
  async reload() {
    const before = this.#boardsCalls().map(({ sid }) => sid);
    const page = await this.#page(null);
    if (page === null) return;
    this.fresh = new Set();
    // Whatever the board knew before and the server did not return is none of these calls.
    this.known = new Set([...before, ...page.calls.map(({ sid }) => sid)]);
    this.#show(page.calls, page.next);
  }

  /** Read the page that follows; answers the SID of its first call, null when there is none. */
  async more() {
    const { calls, next } = this.state.peek();
    if (next === null) return null;
    const page = await this.#page(next);
    if (page === null) return null;
    const held = new Set(calls.map(({ sid }) => sid));
    const added = page.calls.filter(({ sid }) => !held.has(sid));
    for (const { sid } of added) this.known.add(sid);
    const all = [...this.state.peek().calls, ...added];
    this.#show(all, all.length < ROWS_MAX ? page.next : null, page.next !== null);
    return added[0]?.sid ?? null;
  }

  /** Take what the board has learnt since. */
  observe() {
    const state = this.state.peek();
    if (state.calls === null) return;
    const { live, recent } = this.board.calls;
    let changed = false;
    const calls = state.calls.map((call) => {
      const held = live.get(call.sid) ?? recent.get(call.sid);
      if (!held || held === call || (held.updatedAt ?? "") <= (call.updatedAt ?? "")) return call;
      changed = true;
      return held;
    });
    const newer = this.#countNewer(calls);
    if (changed || newer !== state.newer) this.state.value = { ...state, calls, newer };
  }

  #countNewer(calls) {
    const oldest = this.state.peek().next === null ? null : calls.at(-1)?.startTime;
    for (const call of this.#boardsCalls()) {
      if (this.known.has(call.sid) || this.fresh.has(call.sid)) continue;
      const isHere = !oldest || (call.startTime ?? "") >= oldest;
      if (isHere && matches(call, this.filter)) this.fresh.add(call.sid);
    }
    return this.fresh.size;
  }

  #boardsCalls() {
    return [...(this.board.live.peek() ?? []), ...(this.board.recent.peek() ?? [])];
  }

  #show(calls, next, hasMore = next !== null) {
    const at = this.board.clock.now();
    this.state.value = { calls, next, hasMore, error: null, at, loading: false, newer: this.fresh.size };
    this.observe();
  }

  /** Ask for a page; null when it failed, or when something else was asked for meanwhile. */
  async #page(before) {
    this.turn += 1;
    const { turn } = this;
    this.state.value = { ...this.state.peek(), loading: true, error: null };
    try {
      const asked = callParameters(this.filter, { limit: PAGE_LENGTH, before });
      const page = await this.ask(`/api/calls?${asked}`);
      return turn === this.turn ? page : null;
    } catch (error) {
      if (turn !== this.turn) return null;
      if (error instanceof Refused && error.status === 401) this.feed?.retrySession();
      this.state.value = { ...this.state.peek(), loading: false, error };
      return null;
    }
  }
}

const lists = new WeakMap();

/** Return the page's one list: who comes back from a call finds what was loaded. */
export function listOf(page) {
  if (!lists.has(page)) lists.set(page, new CallList(page));
  return lists.get(page);
}
