/** How the conversation went, by ElevenLabs' analysis; or why there was none. */

import { span } from "../../store/format.js";
import { isLive, sentence } from "../../store/statuses.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";
import { Panel } from "../../views/panel.js";

const VERDICTS = {
  success: { word: "Success", icon: "completed", tone: "good" },
  failure: { word: "Failure", icon: "failed", tone: "bad" },
};

export function Conversation({ call }) {
  const { conversation, failure } = call.elevenlabs ?? {};
  return html`<${Panel} id="conversation" title="Conversation" hint=${conversation?.title} testid="conversation">
    <div class="panel-body">
      ${failure &&
      html`<p class="tone-bad">
        ElevenLabs could not place the call${whyNot(failure)}.
        ${failure.error && html` <span>${failure.error}</span>`}
      </p>`}
      ${conversation ? html`<${Analysis} ...${conversation} />` : html`<p class="hint">${absence(call)}</p>`}
    </div>
  <//>`;
}

function whyNot({ reason }) {
  return reason && reason !== "unknown" ? `: ${sentence(reason).toLowerCase()}` : ", and gave no reason";
}

function absence(call) {
  if (isLive(call.status)) return "Its analysis comes from ElevenLabs some seconds after the call.";
  if (call.answerTime) return "ElevenLabs has not told of a conversation in this call.";
  return "Nobody answered: there was no conversation.";
}

function Analysis(told) {
  const { callSuccessful, summary, criteria, collected } = told;
  const facts = [
    told.durationSecs != null && span(told.durationSecs),
    told.turns != null && `${told.turns} turns, ${told.userTurns ?? "—"} by the caller`,
    told.language && `language ${told.language}`,
    told.voicemail && "voicemail",
    told.transferred && "transferred to a person",
    told.terminationReason && `ended: ${told.terminationReason}`,
    told.errorReason && `error: ${told.errorReason}`,
  ].filter(Boolean);
  return html`
    <p>
      <span>Evaluation: </span><${Verdict} result=${callSuccessful} />
    </p>
    ${summary && html`<p>${summary}</p>`}
    ${facts.length > 0 && html`<p class="hint">${facts.join(" · ")}</p>`}
    ${criteria?.length > 0 &&
    html`<h3>Criteria</h3>
      <ul class="criteria">
        ${criteria.map(
          ({ id, result, rationale }) => html`<li key=${id} data-criterion=${id} data-value=${result ?? ""}>
            <b>${sentence(id)}</b> <${Verdict} result=${result} />
            ${rationale && html`<p>${rationale}</p>`}
          </li>`,
        )}
      </ul>`}
    ${collected?.length > 0 &&
    html`<h3>Collected</h3>
      <dl class="facts">
        ${collected.map(({ id, value }) => html`<div key=${id}><dt>${sentence(id)}</dt><dd>${plain(value)}</dd></div>`)}
      </dl>`}
  `;
}

function Verdict({ result }) {
  const { word, icon, tone } = VERDICTS[result] ?? { word: "Unknown", icon: "unknown", tone: "idle" };
  return html`<span class="state tone-${tone}" data-field="evaluation" data-value=${result ?? ""}>
    <${Icon} name=${icon} />${word}
  </span>`;
}

/** What was collected is kept as JSON; a text needs no quotation marks here. */
function plain(json) {
  try {
    const value = JSON.parse(json);
    return typeof value === "string" ? value : value === null ? "—" : json;
  } catch {
    return json || "—";
  }
}
