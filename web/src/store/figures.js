/** Summary and campaigns: payloads are absolute, so a missed one does no harm. */

import { supersedes } from "./position.js";

export class Summary {
  constructor() {
    this.value = null;
    this.position = null;
  }

  /** Take a summary unless a newer one is held. */
  apply({ summary, position }) {
    if (this.value && !supersedes(this.position, position)) return false;
    this.value = summary;
    this.position = position ?? this.position;
    return true;
  }
}

export class Campaigns {
  constructor() {
    this.byId = new Map();
    this.loaded = false;
  }

  /**
   * Take the whole list; campaigns it does not name are gone.
   *
   * The list has no position, so a status that came by socket while it was read is told from
   * it by its instant.
   */
  applyList({ campaigns }) {
    const rows = campaigns.map((row) => {
      const held = this.byId.get(row.campaignId);
      return held && instant(held) > instant(row) ? held : row;
    });
    this.byId = new Map(rows.map((row) => [row.campaignId, row]));
    this.loaded = true;
  }

  /** Take one campaign's status unless a newer one is held. */
  applyUpdate(status) {
    const held = this.byId.get(status.campaignId);
    if (held?.position && !supersedes(held.position, status.position)) return false;
    this.byId.set(status.campaignId, status);
    return true;
  }

  /** Return campaigns: the running ones first, then by name. */
  inOrder() {
    return [...this.byId.values()].sort(
      (a, b) => isRunning(b) - isRunning(a) || collator.compare(a.name, b.name),
    );
  }
}

/** Return how a campaign's contacts (or calls, when nobody counted contacts) divide. */
export function progressOf(campaign) {
  const { completedCalls: completed, failedCalls: failed, activeCalls: active } = campaign;
  const attempted = completed + failed + active;
  // Second attempts can make more calls than there are contacts: a bar never passes its end.
  const total = Math.max(campaign.totalContacts ?? campaign.totalCalls, attempted);
  const remaining = total - attempted;
  return { completed, failed, active, remaining, total, ended: completed + failed };
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** Tell whether a campaign goes on: it says so, or its calls are live. */
export function isRunning(campaign) {
  return campaign.status === "active" || campaign.activeCalls > 0;
}

function instant(row) {
  return row.last_updated ? Date.parse(row.last_updated) : 0;
}
