/** Who this call is with, how it stands, and what it is known by. */

import { useSignal } from "@preact/signals";

import { timer } from "../../store/format.js";
import { countsFrom, otherSide } from "../../store/rows.js";
import { hrefOf } from "../../store/route.js";
import { isLive, sentence } from "../../store/statuses.js";
import { State } from "../../views/call_parts.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";

export function Head({ page, call }) {
  const { board } = page;
  const number = otherSide(call);
  return html`<section class="panel call-head" aria-labelledby="call-title" data-testid="call" data-sid=${call.sid}>
    <header class="panel-head">
      <h2 id="call-title">${call.contactName ?? number ?? "Unknown"}</h2>
      <span data-field="status" data-value=${call.status ?? ""}><${State} status=${call.status} stale=${call.stale} /></span>
      ${isLive(call.status) && html`<${Elapsed} board=${board} call=${call} />`}
      <${Verdict} ...${call} />
    </header>
    ${call.stale &&
    html`<p class="panel-problem" data-testid="stale">
      <${Icon} name="alert" /> No news of this call for unusually long: it may be over without anybody having said so.
    </p>`}
    ${call.orphan &&
    html`<p class="panel-problem" data-testid="orphan">
      <${Icon} name="alert" /> A conversation without a call: ElevenLabs told of it, and no call of Twilio's is known to be its.
    </p>`}
    <dl class="facts panel-body">
      <${Fact} label="Campaign">
        ${call.campaignId
          ? html`<a href=${hrefOf("campaign", { id: call.campaignId })}>${board.campaignName(call.campaignId)}</a>`
          : "—"}
      <//>
      <${Fact} label="Direction">${sentence(call.direction) || "—"}<//>
      <${Fact} label="From"><${Number} number=${call.from} /><//>
      <${Fact} label="To"><${Number} number=${call.to} /><//>
      <${Fact} label="Agent">${call.agentName ?? call.agentId ?? "—"}<//>
      <${Fact} label="Contact ID" wide><${Code} text=${call.contactId} /><//>
      <${Fact} label=${call.orphan ? "ID" : "Call SID"} wide><${Code} text=${call.sid} copies /><//>
      <${Fact} label="Conversation" wide><${Code} text=${call.conversationId} copies /><//>
    </dl>
  </section>`;
}

function Fact({ label, wide = false, children }) {
  return html`<div class=${wide ? "is-wide" : ""}><dt>${label}</dt><dd>${children}</dd></div>`;
}

function Number({ number }) {
  if (!number) return "—";
  return html`<a href=${hrefOf("calls", { query: { number } })} title="Every call with this number">${number}</a>`;
}

function Elapsed({ board, call }) {
  const from = countsFrom(call);
  const ms = from === null ? null : Math.max(0, board.now.value - from);
  return html`<span class="call-elapsed" data-field="elapsed" data-value=${ms === null ? "" : Math.floor(ms / 1000)}>
    ${timer(ms)}
  </span>`;
}

function Verdict({ status, outcome, success }) {
  // A busy call's outcome is that it was busy: said once.
  const isNews = outcome && sentence(outcome) !== sentence(status);
  return html`
    ${isNews && html`<span class="badge" data-field="outcome" data-value=${outcome}>${sentence(outcome)}</span>`}
    ${(success === true || success === false) &&
    html`<span class="state ${success ? "tone-good" : "tone-bad"}" data-field="success" data-value=${String(success)}>
      <${Icon} name=${success ? "completed" : "failed"} />Goal ${success ? "met" : "missed"}
    </span>`}
  `;
}

function Code({ text, copies = false }) {
  const word = useSignal("Copy");
  if (!text) return "—";
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      word.value = "Copied";
    } catch {
      word.value = "Not copied"; // no permission, or no https
    }
    setTimeout(() => (word.value = "Copy"), 2_000);
  };
  return html`<code>${text}</code>${copies &&
    html`${" "}<button type="button" class="button small quiet" aria-label=${`${word.value}: ${text}`} onClick=${copy}>
      ${word.value}
    </button>`}`;
}
