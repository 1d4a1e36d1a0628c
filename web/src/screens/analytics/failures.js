/** Why calls fail, in six windows side by side: what broke just now differs from a bad list. */

import { useRead } from "../../reads.js";
import { count } from "../../store/format.js";
import { hrefOf, queryText } from "../../store/route.js";
import { meaningOf } from "../../store/sip.js";
import { describe } from "../../store/statuses.js";
import { html } from "../../views/html.js";
import { Panel, Reading } from "../../views/panel.js";

const EVERY_MS = 15_000;
const DAY_MS = 86_400_000;

export function Failures({ page, wanted, scope }) {
  const read = useRead(page, `/api/analytics/failures${queryText(scope)}`, EVERY_MS);
  return html`<${Panel} id="failures" title="Failures by cause" hint="of calls that ended lately" testid="failures">
    <${Reading}
      page=${page}
      read=${read}
      what="why calls failed"
      isEmpty=${({ causes }) => causes.length === 0}
      empty=${html`<p>No call failed in 24 hours.</p>`}
    >
      ${(data) => html`<${Table} ...${data} campaign=${wanted.campaign} />`}
    <//>
  <//>`;
}

function Table({ windows, ended, causes, now, campaign }) {
  const since = new Date(Date.parse(now) - DAY_MS).toISOString();
  return html`<div class="table-scroller" tabindex="0" role="region" aria-label="Table of failures">
    <table class="table failures">
      <caption class="visually-hidden">Calls that did not come about, by cause and how long ago</caption>
      <thead>
        <tr>
          <th scope="col">Cause</th>
          <th scope="col">What it means</th>
          ${windows.map((name) => html`<th key=${name} scope="col" class="number">${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${causes.map((row) => html`<${Row} key=${`${row.status} ${row.cause}`} ...${{ row, since, campaign }} />`)}
        <tr class="failures-all">
          <th scope="row">All that ended</th>
          <td></td>
          ${ended.map((calls, at) => html`<td key=${at} class="number">${count(calls)}</td>`)}
        </tr>
      </tbody>
    </table>
  </div>`;
}

function Row({ row, since, campaign }) {
  const { status, sipCode, counts } = row;
  const { word } = describe(status);
  const query = { campaign, status, sip: sipCode, since };
  return html`<tr data-cause=${row.cause} data-status=${status}>
    <th scope="row"><a href=${hrefOf("calls", { query })}>${word}${sipCode === null ? "" : `, SIP ${sipCode}`}</a></th>
    <td>${meaningOf(status, sipCode)}</td>
    ${counts.map((calls, at) => html`<td key=${at} class="number" data-value=${calls}>${calls ? count(calls) : ""}</td>`)}
  </tr>`;
}
