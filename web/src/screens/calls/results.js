/** What was found: how much, why it failed, and the calls themselves. */

import { callParameters, shownWords } from "../../store/call_query.js";
import { countCauses } from "../../store/causes.js";
import { ago, count } from "../../store/format.js";
import { hrefOf } from "../../store/route.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";
import { Panel } from "../../views/panel.js";
import { ROWS_MAX } from "./call_list.js";
import { CallTable } from "./table.js";

export function Results({ page, list, filter }) {
  const state = list.state.value;
  const { calls } = state;
  const csv = callParameters(filter);
  const actions = html`
    ${state.newer > 0 &&
    html`<button type="button" class="chip new-calls" data-testid="newer" data-value=${state.newer} onClick=${() => list.reload()}>
      ${count(state.newer)} newer ${state.newer === 1 ? "call" : "calls"} – show
    </button>`}
    <button type="button" class="button small" disabled=${state.loading} onClick=${() => list.reload()}>
      Refresh
    </button>
    <a class="button small" href=${`/api/calls.csv${csv && `?${csv}`}`} download data-testid="csv">
      <${Icon} name="download" />CSV
    </a>
    <button type="button" class="button small wide-only" onClick=${() => print()}>Print</button>
  `;
  const hint = calls && html`<span data-testid="shown" data-value=${calls.length}>
      ${shownWords(calls.length, state.hasMore)}</span>, <${Age} board=${page.board} at=${state.at} />`;
  return html`<${Panel} id="calls" title="Found" className="found-panel" hint=${hint} actions=${actions} testid="calls">
    ${calls?.length > 0 && html`<${Causes} page=${page} calls=${calls} hasMore=${state.hasMore} />`}
    <${Body} page=${page} list=${list} filter=${filter} />
  <//>`;
}

function Age({ board, at }) {
  return html`read ${ago(board.wall.value - at)}`;
}

/** Why the calls that are loaded did not get through; each cause leads to its calls. */
function Causes({ page, calls, hasMore }) {
  const causes = countCauses(calls);
  const failed = causes.reduce((sum, cause) => sum + cause.count, 0);
  if (failed === 0) return null;
  const { query } = page.address.route.value;
  const hrefFor = ({ asked }) => hrefOf("calls", { query: { ...query, ...asked } });
  return html`<p class="causes" data-testid="causes" data-value=${failed}>
    <b>${count(failed)} failed</b>${hasMore && " of these"}:${" "}
    ${causes.map(
      (cause, at) => html`${at > 0 && ", "}<a
          key=${cause.key}
          href=${hrefFor(cause)}
          data-cause=${cause.key}
          data-value=${cause.count}
          >${count(cause.count)} ${wordsOf(cause, causes)}</a
        >`,
    )}.
    ${hasMore && html` <span class="hint">Counted over what is loaded; there are more.</span>`}
  </p>`;
}

/** Two codes may mean the same to people: then the code tells them apart. */
function wordsOf({ key, words, sip }, causes) {
  const isShared = causes.some((other) => other.key !== key && other.words === words);
  return isShared && sip !== null ? `${words} (SIP ${sip})` : words;
}

function Body({ page, list, filter }) {
  const { calls, error, loading } = list.state.value;
  if (calls === null) {
    if (!error) return html`<p class="empty waiting" data-state="loading">Loading calls…</p>`;
    return html`<div class="empty" role="group" data-state="error">
      <p class="empty-title"><${Icon} name="alert" /> Could not read the calls</p>
      <p>${error.message}.</p>
      <button type="button" class="button small" onClick=${() => list.reload()}>Try again</button>
    </div>`;
  }
  return html`
    ${error &&
    html`<p class="panel-problem" data-state="old"><${Icon} name="alert" /> ${error.message}. What was read before is shown.</p>`}
    ${calls.length === 0
      ? html`<${Nothing} page=${page} filter=${filter} />`
      : html`<${CallTable} page=${page} calls=${calls} />`}
    <${More} list=${list} loading=${loading} />
  `;
}

function Nothing({ page, filter }) {
  return html`<div class="empty" data-state="empty">
    <p class="empty-title">No call is like that.</p>
    ${filter.number !== null &&
    html`<p>Numbers are compared whole, with the country's code, as in <code>+34600000001</code>.</p>`}
    ${filter.until !== null &&
    Date.parse(filter.until) < page.board.wall.value &&
    html`<p>The range that is asked for is over: nothing will be added to it.</p>`}
    <p><a href=${hrefOf("calls")}>Show every call</a></p>
  </div>`;
}

function More({ list, loading }) {
  const { calls, next, hasMore } = list.state.value;
  if (next === null) {
    if (!hasMore) return null;
    return html`<p class="more hint">
      These are ${count(calls.length)} calls, and no more than ${count(ROWS_MAX)} are shown. Narrow the
      filter, or take the CSV.
    </p>`;
  }
  // The button stays where it is in the document: whoever works by keyboard goes on from there.
  const load = async (event) => {
    const panel = event.target.closest("section");
    const sid = await list.more();
    if (sid) requestAnimationFrame(() => panel.querySelector(`[data-sid="${sid}"] a`)?.focus());
  };
  return html`<p class="more">
    <button type="button" class="button" disabled=${loading} data-testid="more" onClick=${load}>
      ${loading ? "Loading…" : "Load more"}
    </button>
  </p>`;
}
