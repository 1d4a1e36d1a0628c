/**
 * The live calls and the ones that just ended: a snapshot, then deltas in order.
 *
 * Calls are replaced and never changed in place, so what a view was handed stays as it was.
 */

import { follows, supersedes } from "./position.js";
import { isLive } from "./statuses.js";

// What the panel shows, and as much again for calls whose outcome is still to come.
const RECENT_KEPT = 50;

// Trimmed only now and then: sorting at every ended call would cost more than the call.
const RECENT_LENGTH_MAX = 2 * RECENT_KEPT;

export class Calls {
  constructor() {
    this.live = new Map();
    this.recent = new Map();
    this.position = null;
    /** True from a gap until the next snapshot: what we hold cannot be trusted to be complete. */
    this.stale = true;
  }

  /** Take a snapshot; answers false when it is older than what is held. */
  applySnapshot({ active_calls: calls, position }) {
    const older = !supersedes(this.position, position) && position.offset < this.position.offset;
    if (older && !this.stale) return false;
    this.live = new Map(calls.map((call) => [call.sid, call]));
    this.position = position ?? null;
    this.stale = false;
    return true;
  }

  /** Apply one delta: "applied", "ignored" (known already), or "resync" (one was missed). */
  applyUpdate({ type, document: call, position }) {
    if (this.stale) return "ignored"; // the snapshot under way holds it, or leads to a new gap
    const place = follows(this.position, position);
    if (place === "old") return "ignored";
    if (place === "gap") {
      this.stale = true;
      return "resync";
    }
    this.position = position;
    this.#place(type, call);
    return "applied";
  }

  /** Add ended calls that were read from the server; what deltas brought since is kept. */
  addRecent(calls) {
    for (const call of calls) {
      if (!hasEnded(call)) continue;
      const held = this.recent.get(call.sid);
      if (!held || instant(call.updatedAt) >= instant(held.updatedAt)) {
        this.recent.set(call.sid, call);
      }
    }
    this.#trim();
  }

  /** Return ended calls, the one that ended last first. */
  recentFirst(limit) {
    return [...this.recent.values()].sort(byEnd).slice(0, limit);
  }

  #place(type, call) {
    const isAlive = type !== "delete" && isLive(call.status);
    if (isAlive) this.live.set(call.sid, call);
    else this.live.delete(call.sid);
    if (type === "delete" || !hasEnded(call)) {
      this.recent.delete(call.sid);
      return;
    }
    this.recent.set(call.sid, call);
    this.#trim();
  }

  #trim() {
    if (this.recent.size <= RECENT_LENGTH_MAX) return;
    const kept = this.recentFirst(RECENT_KEPT);
    this.recent = new Map(kept.map((call) => [call.sid, call]));
  }
}

/** Tell whether a call has ended; of one without a status nobody has said anything yet. */
function hasEnded(call) {
  return Boolean(call.status) && !isLive(call.status);
}

function instant(text) {
  return text ? Date.parse(text) : 0;
}

function byEnd(a, b) {
  const difference = instant(endOf(b)) - instant(endOf(a));
  return difference || (a.sid < b.sid ? 1 : -1);
}

function endOf(call) {
  return call.endTime ?? call.updatedAt ?? call.startTime;
}
