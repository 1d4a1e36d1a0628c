/** What needs somebody's attention now: one list of everything that is wrong, the worst first. */

import { firingFirst, placeOf } from "./alerts.js";
import { describeFeed } from "./feeds.js";
import { plural } from "./format.js";
import { hrefOf } from "./route.js";
import { countsFrom, otherSide } from "./rows.js";

// More of one kind are a number: the list is there to be read at one look.
export const CALLS_EACH = 4;

const RANKS = { critical: 0, warning: 1 };

/**
 * Return items `{key, severity, title, seen, since, href}`: `since` is when it began, in
 * milliseconds (null: not known), `href` leads to what is meant.
 *
 * `firing` are alerts, `live` calls, `feeds` those of `/api/system`; each may be null: unknown.
 */
export function needsAttention({ firing, live, feeds }) {
  const alerts = firingFirst(firing ?? []).map(alertItem);
  const items = [
    ...alerts,
    // An alert of the same silence says it already.
    ...(feeds ?? []).filter(isTroubled(firing ?? [])).map(feedItem),
    ...ofCalls("stale", live ?? [], "No news for unusually long"),
    ...ofCalls("orphan", live ?? [], "A conversation without its call"),
  ];
  return items.sort((a, b) => RANKS[a.severity] - RANKS[b.severity]);
}

function alertItem(alert) {
  return {
    key: `alert ${alert.rule} ${alert.label}`,
    severity: alert.severity,
    title: alert.title,
    seen: alert.seen,
    since: instant(alert.since),
    href: placeOf(alert)?.href ?? hrefOf("alerts"),
  };
}

function isTroubled(firing) {
  const told = new Set(firing.map(({ rule, label }) => `${rule} ${label}`));
  return (feed) =>
    describeFeed(feed).tone === "bad" &&
    !told.has(`silence ${feed.vendor}`) &&
    !told.has(`signatures ${feed.vendor}`);
}

function feedItem(feed) {
  const { name, word } = describeFeed(feed);
  return {
    key: `feed ${feed.vendor}`,
    severity: "warning",
    title: `${name}: ${word}`,
    seen: "Its webhooks may not reach us.",
    since: instant(feed.lastAt),
    href: hrefOf("system"),
  };
}

function ofCalls(mark, live, title) {
  const found = live.filter((call) => call[mark]);
  const items = found.slice(0, CALLS_EACH).map((call) => ({
    key: `${mark} ${call.sid}`,
    severity: "warning",
    title,
    seen: call.contactName ?? otherSide(call) ?? call.sid,
    since: instant(call.updatedAt) ?? countsFrom(call),
    href: hrefOf("call", { id: call.sid }),
  }));
  const more = found.length - items.length;
  if (more > 0) {
    const seen = `${plural(more, "more call")}`;
    items.push({ key: mark, severity: "warning", title, seen, since: null, href: hrefOf("live") });
  }
  return items;
}

function instant(text) {
  return text ? Date.parse(text) : null;
}
