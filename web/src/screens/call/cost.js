/** What the call cost at each vendor, and who has not told yet. */

import { costOf, money } from "../../store/costs.js";
import { count } from "../../store/format.js";
import { isLive } from "../../store/statuses.js";
import { Explain } from "../../views/explain.js";
import { html } from "../../views/html.js";
import { Panel } from "../../views/panel.js";

export function Cost({ page, call }) {
  const { twilio, elevenlabs, totals, isWhole } = costOf(call);
  const total = totals.map(([currency, amount]) => money(amount, currency)).join(" + ");
  return html`<${Panel} id="cost" title="Cost" testid="cost">
    <dl class="facts panel-body">
      <div>
        <dt>
          <${Explain}
            board=${page.board}
            label="Twilio"
            definition="Twilio's price of the call. It comes hours after the end, and leaves out answering machine detection and recording."
          />
        </dt>
        <dd data-field="twilioCost" data-value=${twilio?.amount ?? ""}>
          ${twilio ? money(twilio.amount, twilio.currency) : html`<span class="hint">${twiliosSilence(call)}</span>`}
        </dd>
      </div>
      <div>
        <dt>
          <${Explain}
            board=${page.board}
            label="ElevenLabs"
            definition="What the conversation cost, in dollars where ElevenLabs says so, and in credits of the plan. They are the same cost twice, and not added up."
          />
        </dt>
        <dd data-field="elevenlabsCost" data-value=${elevenlabs?.amount ?? ""}>
          <${Charge} call=${call} charge=${elevenlabs} />
        </dd>
      </div>
      <div>
        <dt>
          <${Explain}
            board=${page.board}
            label="Together"
            definition="Both vendors' prices in money. A currency is never added to another."
          />
        </dt>
        <dd data-field="cost" data-value=${totals[0]?.[1] ?? ""}>
          ${total ? html`<b>${isWhole ? total : `≥ ${total}`}</b>` : "—"}
          ${total && !isWhole && html` <span class="hint">so far: a part is not told yet</span>`}
        </dd>
      </div>
    </dl>
  <//>`;
}

function Charge({ call, charge }) {
  if (charge === null) {
    const isToCome = isLive(call.status) || (call.answerTime && call.conversationId);
    const words = isToCome ? "none told yet" : "none: no conversation";
    return html`<span class="hint">${words}</span>`;
  }
  const { amount, credits, llm } = charge;
  const notes = [
    credits !== null && `${count(credits)} credits`,
    llm !== null && `${money(llm, "USD")} of it for the language model`,
  ].filter(Boolean);
  return html`
    ${amount === null ? "no price in money" : money(amount, "USD")}
    ${notes.length > 0 && html` <span class="hint">${notes.join(", ")}</span>`}
  `;
}

function twiliosSilence(call) {
  return isLive(call.status) ? "none yet: the call goes on" : "none yet: Twilio prices calls later";
}
