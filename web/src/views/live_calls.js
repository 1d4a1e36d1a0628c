/** The live calls: filters, and a table that holds only the rows in sight. */

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";

import { count, plural } from "../store/format.js";
import { filterCalls, holdOrder, sortCalls, windowOf } from "../store/rows.js";
import { html } from "./html.js";
import { LiveFilters } from "./live_filters.js";
import { COLUMNS, HeadCell, LiveRow } from "./live_row.js";
import { rowHeight, useViewport } from "./viewport.js";

export function LiveCalls({ board }) {
  const calls = board.live.value;
  const hovered = useSignal(false);
  const letIn = useSignal(0);
  const filter = board.filter.value;
  const sort = board.sort.value;
  const matching = filterCalls(calls ?? [], filter, board.campaignName);
  const sorted = sortCalls(matching, sort, board.campaignName);
  const wish = JSON.stringify([filter, sort, letIn.value]);
  const { rows, waiting } = useHeldOrder(sorted, hovered.value, wish);

  return html`<section class="panel live" aria-labelledby="live-title" data-testid="live-calls">
    <header class="panel-head">
      <h2 id="live-title">Live calls</h2>
      <span class="hint">${calls?.length > 0 && shownWords(rows.length, calls.length)}</span>
      ${waiting > 0 &&
      html`<button type="button" class="button small new-calls" onClick=${() => (letIn.value += 1)}>
        ${count(waiting)} new<span class="wide-only"> – show</span>
      </button>`}
    </header>
    <${LiveFilters} board=${board} calls=${calls ?? []} />
    <div
      onPointerEnter=${(event) => (hovered.value = event.pointerType !== "touch")}
      onPointerLeave=${() => (hovered.value = false)}
    >
      <${LiveTable} board=${board} rows=${rows} />
    </div>
    ${rows.length === 0 && html`<${Nothing} board=${board} calls=${calls} waiting=${waiting} />`}
  </section>`;
}

/** Keep the order of rows as it is while held, unless other rows are wished for. */
function useHeldOrder(sorted, held, wish) {
  const frozen = useRef(null);
  if (!held) {
    frozen.current = null;
    return { rows: sorted, waiting: 0 };
  }
  if (frozen.current?.wish !== wish) {
    frozen.current = { wish, sids: sorted.map((call) => call.sid) };
  }
  return holdOrder(sorted, frozen.current.sids);
}

function LiveTable({ board, rows }) {
  const { element, scrollTop, height } = useViewport();
  const { first, last, before, after } = windowOf({
    count: rows.length,
    rowHeight: rowHeight.value,
    scrollTop: scrollTop.value,
    height: height.value,
  });
  return html`<div
    class="scroller"
    ref=${element}
    tabindex=${rows.length ? 0 : null}
    role="region"
    aria-label="Table of live calls"
  >
    <table class="calls" aria-rowcount=${rows.length + 1} hidden=${rows.length === 0}>
      <caption class="visually-hidden">Calls that are live now</caption>
      <colgroup>${COLUMNS.map(({ name }) => html`<col key=${name} class="col-${name}" />`)}</colgroup>
      <thead>
        <tr aria-rowindex="1">
          ${COLUMNS.map((column) => html`<${HeadCell} key=${column.name} board=${board} ...${column} />`)}
        </tr>
      </thead>
      <tbody>
        <${Gap} key="before" height=${before} />
        ${rows
          .slice(first, last)
          .map((call, at) => {
            const index = first + at + 2; // counted from 1, and the head is a row too
            return html`<${LiveRow} key=${call.sid} board=${board} call=${call} index=${index} />`;
          })}
        <${Gap} key="after" height=${after} />
      </tbody>
    </table>
  </div>`;
}

/** The room of the rows that are not in the DOM, so that the scroll bar tells the truth. */
function Gap({ height }) {
  if (height <= 0) return null;
  // One cell only: a colspan would bring back the columns that a narrow screen leaves out.
  const style = { height: `${height}px` };
  return html`<tr class="gap" aria-hidden="true"><td style=${style}></td></tr>`;
}

function shownWords(shown, total) {
  return shown === total ? plural(total, "call") : `${count(shown)} of ${plural(total, "call")}`;
}

function Nothing({ board, calls, waiting }) {
  if (calls === null) return html`<p class="empty">Loading live calls…</p>`;
  if (waiting > 0) return html`<p class="empty">The calls shown here have ended.</p>`;
  if (calls.length > 0) {
    const clear = () => (board.filter.value = { text: "", statuses: [] });
    return html`<div class="empty">
      <p>No live call matches the filter.</p>
      <button type="button" class="button small" onClick=${clear}>Clear the filter</button>
    </div>`;
  }
  return html`<div class="empty">
    <p class="empty-title">No live calls right now.</p>
    <p>Calls appear here the moment Twilio reports them.</p>
    <p class="hint">
      Point the status callback of your Twilio calls to${" "}
      <code>POST ${location.origin}/webhook/call-status</code>
    </p>
  </div>`;
}
