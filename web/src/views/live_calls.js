/** The live calls: filters, and a table that holds only the rows in sight. */

import { useSignal } from "@preact/signals";

import { count, plural } from "../store/format.js";
import { readGroup } from "../store/query.js";
import { filterCalls, isProblem, isUsual, sortCalls, windowOf } from "../store/rows.js";
import { html } from "./html.js";
import { LiveFilters } from "./live_filters.js";
import { useHeldOrder, useHold, WaitingCalls } from "./live_order.js";
import { COLUMNS, HeadCell, GroupRow, LiveRow } from "./live_row.js";
import { rowHeight, useViewport } from "./viewport.js";

/**
 * The panel; `tall` fills the height of the window with it. With `campaignId` there are no other
 * calls than those of that campaign.
 */
export function LiveCalls({ board, tall = false, campaignId = null }) {
  const live = board.live.value;
  const calls = campaignId === null ? live : (live?.filter((call) => call.campaignId === campaignId) ?? null);
  const hold = useHold();
  const letIn = useSignal(0);
  const filter = board.filter.value;
  const sort = board.sort.value;
  const by = readGroup(board.address.route.value.query);
  // `peek`: a second passing must not sort every call again, the next change does.
  const now = board.now.peek();
  const matching = filterCalls(calls ?? [], filter, board.campaignName);
  const sorted = sortCalls(matching, sort, board.campaignName, { now, by });
  const isPinned = (call) => isProblem(call, now);
  const wish = JSON.stringify([filter, sort, by, letIn.value]);
  const names = { by, campaignName: board.campaignName };
  const { rows, all, waiting } = useHeldOrder(sorted, hold.held, wish, { ...names, isPinned });

  return html`<section
    class=${tall ? "panel live live-tall" : "panel live"}
    aria-labelledby="live-title"
    data-testid="live-calls"
  >
    <header class="panel-head">
      <h2 id="live-title">Live calls</h2>
      <span class="hint">${calls?.length > 0 && shownWords(rows.length, calls.length)}</span>
      <${WaitingCalls} board=${board} waiting=${waiting} onShow=${() => (letIn.value += 1)} />
    </header>
    <${LiveFilters} board=${board} calls=${calls ?? []} by=${by} />
    <div ...${hold.listeners}>
      <${LiveTable} board=${board} rows=${all} marks=${isUsual(sort) ? isPinned : null} />
    </div>
    ${rows.length === 0 && html`<${Nothing} board=${board} calls=${calls} waiting=${waiting} campaignId=${campaignId} />`}
  </section>`;
}

function LiveTable({ board, rows, marks }) {
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
          .map((row, at) => {
            const index = first + at + 2; // counted from 1, and the head is a row too
            if ("head" in row) {
              return html`<${GroupRow} key=${`group ${row.head}`} group=${row} index=${index} />`;
            }
            const pinned = Boolean(marks?.(row));
            return html`<${LiveRow} key=${row.sid} board=${board} call=${row} index=${index} pinned=${pinned} />`;
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

function Nothing({ board, calls, waiting, campaignId }) {
  if (calls === null) return html`<p class="empty">Loading live calls…</p>`;
  if (waiting > 0) return html`<p class="empty">The calls shown here have ended.</p>`;
  if (calls.length > 0) {
    const clear = () => board.setFilter({ text: "", statuses: [] });
    return html`<div class="empty">
      <p>No live call matches the filter.</p>
      <button type="button" class="button small" onClick=${clear}>Clear the filter</button>
    </div>`;
  }
  if (campaignId !== null) return html`<p class="empty">No call of this campaign is live.</p>`;
  return html`<div class="empty">
    <p class="empty-title">No live calls right now.</p>
    <p>Calls appear here the moment Twilio reports them.</p>
    <p class="hint">
      Point the status callback of your Twilio calls to${" "}
      <code>POST ${location.origin}/webhook/call-status</code>
    </p>
  </div>`;
}
