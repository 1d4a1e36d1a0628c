/** The times and lengths of a call, each with what it means, and its phases as one bar. */

import { factsOf, phasesOf } from "../../store/call_facts.js";
import { causeOf } from "../../store/causes.js";
import { span, UNKNOWN } from "../../store/format.js";
import { isLive, sentence } from "../../store/statuses.js";
import { whoWords } from "../../store/timeline.js";
import { Explain } from "../../views/explain.js";
import { html } from "../../views/html.js";
import { Panel } from "../../views/panel.js";

const WIDTH = 600;
const LANE = 18;

const PHASES = {
  queued: { word: "Queued", lane: 0 },
  waiting: { word: "Dialing and ringing", lane: 0 },
  dialing: { word: "Dialing", lane: 0 },
  ringing: { word: "Ringing", lane: 0 },
  talking: { word: "Talking", lane: 0 },
  conversation: { word: "Conversation with the agent", lane: 1 },
};

export function Facts({ page, call }) {
  const { board } = page;
  const facts = factsOf(call);
  const { moment } = board.zone.value;
  const cause = causeOf(call);
  const at = (ms) => (ms === null ? UNKNOWN : moment(ms, board.now.peek()));
  const fact = { board };
  return html`<${Panel} id="facts" title="What happened" testid="facts">
    <dl class="facts panel-body">
      <${Fact} ...${fact} name="started" label="Started" value=${call.startTime} text=${at(facts.started)}
        definition="When dialing began; of an inbound call, when it came." />
      <${Fact} ...${fact} name="answered" label="Answered" value=${call.answerTime} text=${at(facts.answered)}
        definition="When somebody or something picked up, by Twilio's word." />
      <${Fact} ...${fact} name="ended" label="Ended" value=${call.endTime} text=${at(facts.ended)}
        definition="When the line was free again." />
      <${Fact} ...${fact} name="ringTime" label="Ring time" value=${facts.ringS} text=${span(facts.ringS)}
        definition="From the first ringing to the answer, or to the end of an unanswered call. Unknown when no ringing was told." />
      <${Fact} ...${fact} name="talkTime" label="Talk time" value=${facts.talkS} text=${span(facts.talkS)}
        definition="From the answer to the end, as Twilio bills it. Unknown while the call goes on." />
      <${Fact} ...${fact} name="joinDelay" label="Agent joined after" value=${facts.joinS}
        text=${facts.joinS === null ? UNKNOWN : `≥ ${span(facts.joinS)}`}
        definition="From Twilio's answer to the beginning of the conversation at ElevenLabs: how long the callee heard nobody. Both count whole seconds. Told only with the conversation's analysis." />
      <${Fact} ...${fact} name="answeredBy" label="Answered by" value=${call.answeredBy}
        text=${call.answeredBy ? sentence(whoWords(call.answeredBy)) : UNKNOWN}
        definition="What Twilio's answering machine detection found." />
      ${cause &&
      html`<${Fact} ...${fact} name="cause" label="Why it failed" value=${cause.sip ?? cause.status}
        text=${`${sentence(cause.words)}${cause.sip === null ? "" : ` (SIP ${cause.sip})`}`}
        definition="The status, and for a failed call the SIP response that ended it." />`}
    </dl>
    <${Phases} board=${board} call=${call} />
  <//>`;
}

function Fact({ board, name, label, value, text, definition }) {
  return html`<div>
    <dt><${Explain} board=${board} label=${label} definition=${definition} /></dt>
    <dd data-field=${name} data-value=${value ?? ""}>${text}</dd>
  </div>`;
}

function Phases({ board, call }) {
  // A call that goes on grows with the board's clock; one that ended stands still.
  const now = isLive(call.status) ? board.now.value : 0;
  const phases = phasesOf(call, now);
  if (phases.length === 0) return null;
  const from = Math.min(...phases.map((phase) => phase.from));
  const to = Math.max(...phases.map((phase) => phase.to));
  const x = (ms) => ((ms - from) / (to - from)) * WIDTH;
  const lanes = phases.some(({ name }) => PHASES[name].lane === 1) ? 2 : 1;
  return html`<figure class="phases panel-body">
    <svg viewBox=${`0 0 ${WIDTH} ${lanes * LANE}`} preserveAspectRatio="none" aria-hidden="true" class="lanes-${lanes}">
      ${phases.map(
        ({ name, from: begin, to: end }) => html`<rect
          key=${name}
          class="phase-${name}"
          x=${x(begin)}
          y=${PHASES[name].lane * LANE + 1}
          width=${Math.max(2, x(end) - x(begin))}
          height=${LANE - 2}
        >
          <title>${PHASES[name].word}: ${span((end - begin) / 1000)}</title>
        </rect>`,
      )}
    </svg>
    <figcaption>
      <ul class="phase-key" aria-label="Phases of the call">
        ${phases.map(
          ({ name, from: begin, to: end }) => html`<li
            key=${name}
            class="key-${name}"
            data-phase=${name}
            data-value=${Math.round((end - begin) / 1000)}
          >
            ${PHASES[name].word} <b>${span((end - begin) / 1000)}</b>
          </li>`,
        )}
      </ul>
    </figcaption>
  </figure>`;
}
