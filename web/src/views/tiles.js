/** The six figures of the day. Each says what it counts; what cannot be known is a dash. */

import { count, percent, span } from "../store/format.js";
import { countByStatus } from "../store/rows.js";
import { html } from "./html.js";

export function Tiles({ board }) {
  const summary = board.summary.value;
  const problem = board.problems.value.summary;
  const tiles = describeTiles(summary ?? {}, board.live.value);
  return html`<section aria-labelledby="today-title">
    <h2 id="today-title" class="visually-hidden">Today</h2>
    <dl class="tiles" aria-busy=${String(!summary && !problem)}>
      ${tiles.map((tile) => html`<${Tile} key=${tile.name} ...${tile} loading=${!summary} />`)}
    </dl>
    ${problem && html`<p class="panel-problem">Today's figures: ${problem}. Trying again.</p>`}
  </section>`;
}

function Tile({ name, label, value, text, small, definition, loading }) {
  const unknown = value === null || value === undefined;
  return html`<div class="tile" data-tile=${name} title=${definition}>
    <dt>${label}<span class="visually-hidden">: ${definition}</span></dt>
    <dd
      class=${loading && unknown ? "tile-value waiting" : "tile-value"}
      data-value=${unknown ? "" : value}
    >
      ${text}
    </dd>
    <dd class="tile-small">${small || "\u00a0"}</dd>
  </div>`;
}

function describeTiles(summary, live) {
  const { completedCalls: completed, failedCalls: failed, byStatus = {}, byDirection } = summary;
  // The table's own count once it is there: tile and table must never disagree.
  const active = live ? live.length : summary.activeCalls;
  const ended = completed === undefined ? undefined : completed + failed;
  return [
    {
      name: "activeCalls",
      label: "Live now",
      value: active,
      text: count(active),
      small: live && liveSplit(live),
      definition: "Calls that are dialing, ringing or in progress at this moment.",
    },
    {
      name: "totalCalls",
      label: "Calls today",
      value: summary.totalCalls,
      text: count(summary.totalCalls),
      small: byDirection && directionSplit(byDirection),
      definition: "Calls that began today, in the reporting timezone, live ones included.",
    },
    {
      name: "completedCalls",
      label: "Completed",
      value: completed,
      text: count(completed),
      small: "answered and ended",
      definition: "Calls of today that were answered and ended as completed.",
    },
    {
      name: "failedCalls",
      label: "Unsuccessful",
      value: failed,
      text: count(failed),
      small: failureSplit(byStatus),
      definition: "Calls of today that ended busy, without answer, failed or canceled.",
    },
    {
      name: "successRate",
      label: "Success rate",
      value: summary.successRate,
      text: percent(summary.successRate),
      small: endedSplit(completed, ended),
      definition: "Completed calls of all calls of today that ended.",
    },
    {
      name: "averageDuration",
      label: "Average talk time",
      value: summary.averageDuration,
      text: span(summary.averageDuration),
      small: summary.totalDuration ? `${span(summary.totalDuration)} in all` : "",
      definition: "Talk time of today's completed calls, divided by their number.",
    },
  ];
}

function liveSplit(live) {
  const counts = countByStatus(live);
  const waiting = live.length - counts["in-progress"];
  return live.length ? `${count(counts["in-progress"])} talking · ${count(waiting)} waiting` : "";
}

function directionSplit({ inbound, outbound }) {
  return `${count(outbound ?? 0)} out · ${count(inbound ?? 0)} in`;
}

function endedSplit(completed, ended) {
  if (ended === undefined) return "";
  return ended ? `${count(completed)} of ${count(ended)} ended` : "none ended yet";
}

function failureSplit(byStatus) {
  const parts = [
    [byStatus["no-answer"], "no answer"],
    [byStatus.busy, "busy"],
    [byStatus.failed, "failed"],
    [byStatus.canceled, "canceled"],
  ];
  const told = parts.filter(([calls]) => calls).sort(([a], [b]) => b - a);
  return told.slice(0, 2).map(([calls, word]) => `${count(calls)} ${word}`).join(" · ");
}
