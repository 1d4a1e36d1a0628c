/** What fired: from when to when, what was seen, and who was told. */

import { askedFor, describeSent, lastedS, placeOf } from "../../store/alerts.js";
import { plural, span, UNKNOWN } from "../../store/format.js";
import { sentence } from "../../store/statuses.js";
import { html } from "../../views/html.js";
import { Panel } from "../../views/panel.js";
import { About, Severity } from "./parts.js";

const TONES = { firing: "bad", clearing: "warn", cleared: "good" };

export function History({ page, history, asked }) {
  const shown = askedFor(history, asked);
  return html`<${Panel}
    id="history"
    title="History"
    hint=${history.length ? `the last ${plural(history.length, "time")} that a rule fired, newest first` : ""}
    testid="history"
  >
    ${shown.length > 0
      ? html`<${Rows} page=${page} rows=${shown} />`
      : html`<div class="empty" data-state="empty">${nothing(history.length)}</div>`}
  <//>`;
}

function nothing(others) {
  if (others) return html`<p>Nothing of what fired is asked for.</p>`;
  return html`
    <p class="empty-title">Nothing has fired.</p>
    <p>What fires stays here for 180 days; below are the rules.</p>
  `;
}

function Rows({ page, rows }) {
  return html`<div class="table-scroller" tabindex="0" role="region" aria-label="Table of what fired">
    <table class="table told">
      <caption class="visually-hidden">
        Times that a rule fired, newest first
      </caption>
      <thead>
        <tr>
          <th scope="col">Alert</th>
          <th scope="col">State</th>
          <th scope="col">Fired</th>
          <th scope="col">Cleared</th>
          <th scope="col">Lasted</th>
          <th scope="col">Seen last</th>
          <th scope="col">Told</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map((entry) => html`<${Row} key=${entry.key} page=${page} entry=${entry} />`)}
      </tbody>
    </table>
  </div>`;
}

function Row({ page, entry }) {
  const { zone, wall } = page.board;
  const { firedAt, clearedAt, state } = entry;
  const at = (text) => (text ? zone.value.moment(Date.parse(text), wall.peek()) : UNKNOWN);
  const place = placeOf({ ...entry, since: firedAt });
  return html`<tr data-rule=${entry.rule} data-label=${entry.label} data-state=${state ?? ""}>
    <th scope="row">
      <${Severity} severity=${entry.severity} />${" "}
      ${place ? html`<a href=${place.href}>${entry.title}</a>` : entry.title}${" "}
      <${About} page=${page} alert=${entry} />
    </th>
    <td data-th="State" class=${`tone-${TONES[state] ?? "idle"}`}>${state ? sentence(state) : "Not judged any more"}</td>
    <td data-th="Fired" data-field="firedAt" data-value=${firedAt}>${at(firedAt)}</td>
    <td data-th="Cleared" data-field="clearedAt" data-value=${clearedAt ?? ""}>${at(clearedAt)}</td>
    <${Lasted} board=${page.board} entry=${entry} />
    <td data-th="Seen last"><span class="seen">${entry.seen}</span></td>
    <td data-th="Told"><${Told} page=${page} told=${entry.told} /></td>
  </tr>`;
}

function Lasted({ board, entry }) {
  // What is over does not tick.
  const seconds = lastedS(entry, entry.clearedAt ? 0 : board.wall.value);
  const shown = seconds === null ? null : Math.floor(seconds);
  return html`<td data-th="Lasted" data-field="lasted" data-value=${shown ?? ""}>${span(shown)}</td>`;
}

function Told({ page, told }) {
  const sent = told.flatMap((message) => message.sent.map((one) => ({ ...one, kind: message.kind })));
  if (sent.length === 0) return html`<span class="hint">Nobody: this page only</span>`;
  return html`<ul class="sent">
    ${sent.map((one, at) => html`<${Sent} key=${at} page=${page} sent=${one} />`)}
  </ul>`;
}

function Sent({ page, sent }) {
  const { word, tone } = describeSent(sent);
  const { zone, wall } = page.board;
  const at = sent.sentAt && zone.value.moment(Date.parse(sent.sentAt), wall.peek());
  return html`<li data-field="sent" data-value=${sent.state}>
    ${sentence(sent.kind)} to <code>${sent.target}</code>:${" "}
    <span class=${`tone-${tone}`}>${word}</span>
    ${at && html` <span class="hint">${at}</span>`}
    ${sent.error && sent.state !== "sent" && html`<span class="sent-error">${sent.error}</span>`}
  </li>`;
}
