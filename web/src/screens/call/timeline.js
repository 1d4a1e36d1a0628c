/** The webhooks of both vendors in one order, in words; everything they said is a click away. */

import { ago, plural, span } from "../../store/format.js";
import { isLive } from "../../store/statuses.js";
import { readTimeline } from "../../store/timeline.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";
import { Panel, Reading } from "../../views/panel.js";

const VENDORS = { twilio: "Twilio", elevenlabs: "ElevenLabs" };

export function Timeline({ page, call, read }) {
  const events = read.data?.events;
  const hint = events && plural(events.length, "webhook");
  return html`<${Panel} id="timeline" title="Timeline" hint=${hint} testid="timeline">
    <${Reading} page=${page} read=${read} what="the webhooks">
      ${({ events: told }) => html`<${Story} page=${page} call=${call} events=${told} />`}
    <//>
  <//>`;
}

function Story({ page, call, events }) {
  const steps = readTimeline(events, call);
  if (steps.length === 0) {
    return html`<p class="empty" data-state="empty">Nothing was told of this call.</p>`;
  }
  return html`
    ${events.length === 0 &&
    html`<p class="hint panel-body" data-state="empty">
      The webhooks of this call are not kept any more. This is what the call itself says.
    </p>`}
    <ol class="story">
      ${steps.map((step) => html`<${Step} key=${step.key} page=${page} step=${step} />`)}
      ${isLive(call.status) && html`<${GoesOn} board=${page.board} since=${steps.at(-1).at} />`}
    </ol>
  `;
}

/** A component of its own: it alone is rendered each second. */
function GoesOn({ board, since }) {
  return html`<li class="step step-open">
    <span class="step-time hint">now</span>
    <span class="step-body"><span class="hint">The call goes on; last heard of ${ago(board.now.value - since)}.</span></span>
  </li>`;
}

function Step({ page, step }) {
  const { time } = page.board.zone.value;
  const { at, gapMs, vendor, word, icon, tone, facts, said, problem, isDerived } = step;
  return html`<li
    class="step step-${vendor}${isDerived ? " step-derived" : ""}"
    data-event=${step.key}
    data-vendor=${vendor}
    data-value=${at}
  >
    <span class="step-time">
      <time datetime=${new Date(at).toISOString()}>${time(at)}</time>
      ${gapMs !== null && html`<span class="step-gap" title="Since the one before">+${gapWords(gapMs)}</span>`}
    </span>
    <div class="step-body">
      <h3>
        <span class="state tone-${tone}"><${Icon} name=${icon} />${word}</span>
        <span class="vendor vendor-${vendor}">${VENDORS[vendor] ?? vendor}</span>
      </h3>
      ${facts.length > 0 && html`<p>${facts.join(" · ")}</p>`}
      ${problem && html`<p class="tone-bad">${problem}</p>`}
      <${Marks} page=${page} step=${step} />
      ${said && html`<details><summary>What it said</summary><pre tabindex="0">${JSON.stringify(said, null, 2)}</pre></details>`}
    </div>
  </li>`;
}

function Marks({ page, step }) {
  const { deliveries, lateMs, isOutOfOrder, receivedAt, isDerived, at } = step;
  const marks = [];
  if (isOutOfOrder) marks.push("came out of order, after what followed it");
  if (lateMs !== null) {
    marks.push(`came ${span(lateMs / 1000)} late, at ${page.board.zone.value.moment(receivedAt, at)}`);
  }
  if (deliveries > 1) marks.push(`delivered ${deliveries} times`);
  if (isDerived) marks.push("not a webhook of its own");
  if (marks.length === 0) return null;
  const isOdd = isOutOfOrder || lateMs !== null;
  return html`<p class="step-marks ${isOdd ? "tone-warn" : "hint"}" data-deliveries=${deliveries}>
    ${isOdd && html`<${Icon} name="alert" /> `}${marks.join("; ")}
  </p>`;
}

function gapWords(ms) {
  return ms < 1000 ? "0 s" : span(ms / 1000);
}
