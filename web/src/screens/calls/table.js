/** The table of found calls; a card each where there is little room. */

import { Component } from "preact";

import { causeOf } from "../../store/causes.js";
import { costOf, costWords } from "../../store/costs.js";
import { span, UNKNOWN } from "../../store/format.js";
import { otherSide } from "../../store/rows.js";
import { hrefOf } from "../../store/route.js";
import { sentence } from "../../store/statuses.js";
import { State, Who } from "../../views/call_parts.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";

const COLUMNS = [
  ["started", "Started"],
  ["status", "State"],
  ["outcome", "Outcome"],
  ["contact", "Contact"],
  ["campaign", "Campaign"],
  ["agent", "Agent"],
  ["talk", "Talk time"],
  ["cause", "Cause"],
  ["success", "Goal"],
  ["cost", "Cost"],
];
const NUMBERS = new Set(["talk", "cost"]);

// The roles are those of the elements, which lose them as cards.
export function CallTable({ page, calls }) {
  const { board } = page;
  return html`<div class="table-scroller" tabindex="0" role="region" aria-label="Table of calls">
    <table class="table found" role="table">
      <caption class="visually-hidden">Calls that were found, the latest first</caption>
      <thead role="rowgroup">
        <tr role="row">
          ${COLUMNS.map(
            ([name, label]) =>
              html`<th key=${name} scope="col" role="columnheader" class=${NUMBERS.has(name) ? "number" : ""}>
                ${label}
              </th>`,
          )}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${calls.map(
          (call) => html`<${Row}
            key=${call.sid}
            page=${page}
            call=${call}
            clock=${board.zone.value}
            names=${board.campaignNames.value}
          />`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** Rendered anew only when its call is another: there may be two thousand of them. */
class Row extends Component {
  shouldComponentUpdate({ call, clock, names }) {
    const had = this.props;
    return call !== had.call || clock !== had.clock || names !== had.names;
  }

  render({ page, call, clock, names }) {
    const href = hrefOf("call", { id: call.sid });
    // The link is for everybody; with a mouse the whole row is one.
    const go = (event) => {
      if (event.target.closest("a") || event.ctrlKey || event.metaKey) return;
      if (getSelection().isCollapsed) page.address.go(href);
    };
    const started = call.startTime ? Date.parse(call.startTime) : null;
    const now = page.board.now.peek();
    return html`<tr role="row" data-sid=${call.sid} onClick=${go}>
      <${Cell} name="started" value=${call.startTime}>
        ${started === null ? UNKNOWN : html`<time datetime=${call.startTime}>${clock.moment(started, now)}</time>`}
      <//>
      <${Cell} name="status" value=${call.status}>
        <${State} status=${call.status} stale=${call.stale} />
      <//>
      <${Cell} name="outcome" value=${call.outcome}>${sentence(call.outcome) || UNKNOWN}<//>
      <${Cell} name="contact" value=${call.contactId}>
        <a class="plain-link" href=${href}><${Who} name=${call.contactName} number=${otherSide(call)} /></a>
      <//>
      <${Cell} name="campaign" value=${call.campaignId}>
        ${call.campaignId
          ? html`<a class="plain-link" href=${hrefOf("campaign", { id: call.campaignId })}
              >${names.get(call.campaignId) ?? call.campaignId}</a
            >`
          : UNKNOWN}
      <//>
      <${Cell} name="agent" value=${call.agentId}>${call.agentName ?? call.agentId ?? UNKNOWN}<//>
      <${Cell} name="talk" value=${call.duration} isNumber>${span(call.duration)}<//>
      <${Cause} call=${call} />
      <${Goal} success=${call.success} />
      <${Cost} call=${call} />
    </tr>`;
  }
}

function Cell({ name, value, isNumber = false, children }) {
  const names = `found-${name}${isNumber ? " number" : ""}`;
  return html`<td role="cell" class=${names} data-field=${name} data-value=${value ?? ""}>${children}</td>`;
}

function Cause({ call }) {
  const cause = causeOf(call);
  if (cause === null) return html`<${Cell} name="cause" />`;
  const { words, sip } = cause;
  return html`<${Cell} name="cause" value=${sip ?? cause.status}>
    <span>${sentence(words)}</span>${sip !== null && html` <span class="hint">SIP ${sip}</span>`}
  <//>`;
}

export function Goal({ success }) {
  if (success !== true && success !== false) return html`<${Cell} name="success">${UNKNOWN}<//>`;
  return html`<${Cell} name="success" value=${String(success)}>
    <span class="state ${success ? "tone-good" : "tone-bad"}">
      <${Icon} name=${success ? "completed" : "failed"} />${success ? "Met" : "Missed"}
    </span>
  <//>`;
}

function Cost({ call }) {
  const { totals, isWhole } = costOf(call);
  const words = costWords(call);
  const isPart = totals.length > 0 && !isWhole;
  return html`<${Cell} name="cost" value=${totals[0]?.[1]} isNumber>
    <span title=${isPart ? "At least: not everybody has told their price yet" : null}>${words}</span>
  <//>`;
}
