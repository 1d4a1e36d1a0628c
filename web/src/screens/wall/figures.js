/** The wall's large figures: six numbers that are read from across a room. */

import { useRead } from "../../reads.js";
import { count, percent } from "../../store/format.js";
import { SYSTEM_EVERY_MS, SYSTEM_PATH } from "../../views/feeds.js";
import { html } from "../../views/html.js";

// An answer that old is no longer the present: its figure becomes a dash.
const OLD_MS = 30_000;

export function Figures({ page }) {
  const { board } = page;
  const loading = board.summary.value === null && !board.problems.value.summary;
  const summary = board.summary.value ?? {};
  const { human, success } = summary.rates ?? {};
  const { completedCalls: completed, failedCalls: failed, concurrency } = summary;
  const limits = useLimits(page);
  const live = board.live.value?.length ?? summary.activeCalls;
  const figures = [
    {
      name: "activeCalls",
      label: "Live now",
      value: live,
      small: [
        limits.lines === null ? null : `of ${count(limits.lines)}`,
        concurrency?.peak ? `peak ${count(concurrency.peak)}` : null,
      ],
      full: limits.lines !== null && live >= limits.lines,
    },
    { name: "totalCalls", label: "Calls today", value: summary.totalCalls, small: [] },
    {
      name: "humanRate",
      label: "Human answers",
      value: human?.value,
      format: percent,
      small: [shareWords(human, "attempted")],
    },
    {
      name: "success",
      label: "Success",
      value: success?.value,
      format: percent,
      small: [shareWords(success, "judged")],
    },
    {
      name: "failedCalls",
      label: "Unsuccessful",
      value: failed,
      small: [failed === undefined ? null : `of ${count(failed + completed)} ended`],
    },
    {
      name: "callsPerMinute",
      label: "Calls a minute",
      value: limits.pace,
      small: [limits.most === null ? null : `of ${count(limits.most)}`],
      full: limits.most !== null && limits.pace >= limits.most,
    },
  ];
  // One size for all, by the longest of them: six sizes side by side would be a mess.
  const length = Math.max(5, ...figures.map(({ value, format = count }) => format(value).length));
  return html`<dl class="wall-figures" style=${{ "--length": length }}>
    ${figures.map((figure) => html`<${Figure} key=${figure.name} loading=${loading} ...${figure} />`)}
  </dl>`;
}

function Figure({ name, label, value, small, full, loading, format = count }) {
  const waits = loading && value === undefined;
  const words = [...small, full && "full"].filter(Boolean).join(" · ");
  return html`<div class=${full ? "wall-figure is-full" : "wall-figure"} data-tile=${name}>
    <dt>${label}</dt>
    <dd class=${waits ? "wall-value waiting" : "wall-value"} data-value=${value ?? ""}>${format(value)}</dd>
    <dd class="wall-small">${words || "\u00a0"}</dd>
  </div>`;
}

function shareWords(share, what) {
  if (!share) return null;
  return share.denominator ? `${count(share.numerator)} of ${count(share.denominator)} ${what}` : `none ${what}`;
}

/** What the account may do at most, and how fast calls begin; null for what is not known. */
function useLimits(page) {
  const { data, at } = useRead(page, SYSTEM_PATH, SYSTEM_EVERY_MS);
  const { callsPerS = null, concurrency = null } = data?.limits ?? {};
  const isOld = at === null || page.board.wall.value - at > OLD_MS;
  return {
    lines: concurrency,
    most: callsPerS === null ? null : callsPerS * 60,
    pace: isOld ? null : (data?.attemptsLastMinute ?? null),
  };
}
