/** Calls that ended, the latest first, with what came of them. */

import { span } from "../store/format.js";
import { hrefOf } from "../store/route.js";
import { otherSide } from "../store/rows.js";
import { sentence } from "../store/statuses.js";
import { html } from "./html.js";
import { State, Who } from "./call_parts.js";

export function RecentCalls({ board }) {
  const calls = board.recent.value;
  const problem = board.problems.value.recent;
  return html`<section class="panel" aria-labelledby="recent-title" data-testid="recent-calls">
    <header class="panel-head">
      <h2 id="recent-title">Recent calls</h2>
      <a class="panel-actions" href=${hrefOf("calls")}>All calls</a>
    </header>
    ${problem && html`<p class="panel-problem">${problem}. Trying again.</p>`}
    ${!calls && !problem && html`<p class="empty">Loading recent calls…</p>`}
    ${calls?.length === 0 && html`<p class="empty">No call has ended yet.</p>`}
    ${calls?.length > 0 &&
    html`<div class="recent-scroller" tabindex="0" role="region" aria-label="Table of recent calls">
      <table class="recent">
        <caption class="visually-hidden">Calls that ended, the latest first</caption>
        <thead>
          <tr>
            <th scope="col" class="col-ended">Ended</th>
            <th scope="col" class="col-state wide-only">Result</th>
            <th scope="col">Contact</th>
            <th scope="col" class="wide-only">Campaign</th>
            <th scope="col" class="col-outcome wide-only">Outcome</th>
            <th scope="col" class="col-duration">Talk time</th>
          </tr>
        </thead>
        <tbody>
          ${calls.map((call) => html`<${Ended} key=${call.sid} board=${board} call=${call} />`)}
        </tbody>
      </table>
    </div>`}
  </section>`;
}

function Ended({ board, call }) {
  const { moment } = board.zone.value;
  const ended = call.endTime ?? call.updatedAt;
  return html`<tr data-sid=${call.sid}>
    <td class="number">${ended ? moment(Date.parse(ended), board.now.value) : "—"}</td>
    <td class="wide-only" data-field="status" data-value=${call.status}><${State} status=${call.status} /></td>
    <td>
      <a class="plain-link" href=${hrefOf("call", { id: call.sid })}>
        <${Who} name=${call.contactName} number=${otherSide(call)}>
          <span class="narrow-only"><${State} status=${call.status} /></span>
        <//>
      </a>
    </td>
    <td class="wide-only">${call.campaignId ? board.campaignName(call.campaignId) : ""}</td>
    <td class="wide-only" data-field="outcome" data-value=${call.outcome ?? ""}><${Outcome} ...${call} /></td>
    <td class="number" data-field="duration" data-value=${call.duration ?? ""}>
      ${span(call.duration)}
    </td>
  </tr>`;
}

function Outcome({ outcome, success, answeredBy }) {
  const words = sentence(outcome) || machine(answeredBy);
  if (success === null || success === undefined) return words || "—";
  const verdict = success ? "Goal met" : "Goal missed";
  return html`<span class=${success ? "verdict verdict-good" : "verdict verdict-bad"}>
    ${words || verdict}${words && html`<span class="visually-hidden">, ${verdict}</span>`}
  </span>`;
}

/** An answering machine is the outcome that matters while no other is known. */
function machine(answeredBy) {
  return answeredBy?.startsWith("machine") ? "Answering machine" : "";
}
