/** One live call, and the heads of its columns. */

import { plural, timer } from "../store/format.js";
import { hrefOf } from "../store/route.js";
import { countsFrom, otherSide } from "../store/rows.js";
import { heat } from "../store/statuses.js";
import { State, Who } from "./call_parts.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { columnsShown } from "./viewport.js";

export const COLUMNS = [
  { name: "status", label: "State" },
  { name: "elapsed", label: "Elapsed", longestFirst: true },
  { name: "contact", label: "Contact" },
  { name: "campaign", label: "Campaign" },
  { name: "agent", label: "Agent" },
  { name: "direction", label: "Direction" },
  { name: "started", label: "Started", longestFirst: true },
];

export function HeadCell({ board, name, label, longestFirst = false }) {
  const { column, descending } = board.sort.value;
  const sorted = column === name;
  const way = descending ? "descending" : "ascending";
  const flip = () => {
    board.setSort({ column: name, descending: sorted ? !descending : longestFirst });
  };
  return html`<th scope="col" class="cell-${name}" aria-sort=${sorted ? way : null}>
    <button type="button" class="sort" onClick=${flip}>
      ${label}${sorted && html`<${Icon} name=${descending ? "down" : "up"} />`}
    </button>
  </th>`;
}

/** The head of a group of rows: its name and how many there are. */
export function GroupRow({ group, index }) {
  const { head, count: calls, problems } = group;
  return html`<tr class="group" aria-rowindex=${index} data-group=${head ?? ""} data-value=${calls}>
    <th scope="rowgroup" colspan=${columnsShown()}>
      ${head ?? "None"} <span class="hint">${plural(calls, "call")}</span>
      ${problems > 0 &&
      html`<span class="group-problems tone-bad"><${Icon} name="alert" />${plural(problems, "problem")}</span>`}
    </th>
  </tr>`;
}

export function LiveRow({ board, call, index, pinned }) {
  const campaign = call.campaignId ? board.campaignName(call.campaignId) : null;
  const agent = call.agentName ?? call.agentId;
  const number = otherSide(call);
  return html`<tr
    class=${pinned ? "is-pinned" : null}
    data-sid=${call.sid}
    aria-rowindex=${index}
    title=${call.sid}
  >
    <td class="cell-status" data-field="status" data-value=${call.status}>
      <${State} status=${call.status} stale=${call.stale} />
    </td>
    <${Elapsed} board=${board} call=${call} />
    <td class="cell-contact" data-field="contact" title=${route(call)}>
      <a class="plain-link" href=${hrefOf("call", { id: call.sid })}>
        <${Who} name=${call.contactName} number=${number}>
          <span class="who-more">${campaign ?? agent ?? ""}</span>
        <//>
      </a>
    </td>
    <td class="cell-campaign" title=${campaign}>${campaign ?? html`<${None} />`}</td>
    <td class="cell-agent" title=${agent}>${agent ?? html`<${None} />`}</td>
    <td class="cell-direction"><${Direction} direction=${call.direction} /></td>
    <${Started} board=${board} call=${call} />
  </tr>`;
}

/** A component of its own: each second only these cells are rendered. */
function Elapsed({ board, call }) {
  const from = countsFrom(call);
  const ms = from === null ? null : Math.max(0, board.now.value - from);
  const level = ms === null ? 0 : heat(call.status, ms);
  const since = call.status === "in-progress" ? "in conversation" : "waiting";
  return html`<td
    class="cell-elapsed number heat-${level}"
    data-field="elapsed"
    data-value=${ms === null ? "" : Math.floor(ms / 1000)}
    title=${level ? `${since}, longer than usual` : since}
  >
    ${timer(ms)}${level > 0 && html`<span class="visually-hidden">, longer than usual</span>`}
    ${level === 2 && html`<${Icon} name="alert" />`}
  </td>`;
}

function Started({ board, call }) {
  const { moment } = board.zone.value;
  // `peek`: a second passing must not render every row.
  const text = call.startTime ? moment(Date.parse(call.startTime), board.now.peek()) : "—";
  return html`<td class="cell-started number" title=${call.startTime}>${text}</td>`;
}

function Direction({ direction }) {
  if (!direction) return html`<${None} />`;
  const word = direction === "inbound" ? "Inbound" : "Outbound";
  return html`<span class="direction"><${Icon} name=${direction} />${word}</span>`;
}

function None() {
  return html`<span class="none">—</span>`;
}

function route({ from, to }) {
  return from && to ? `from ${from} to ${to}` : null;
}
