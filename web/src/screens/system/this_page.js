/** What this page knows of itself: how it is connected, how its clock differs, how old it is. */

import { ago, UNKNOWN } from "../../store/format.js";
import { sentence } from "../../store/statuses.js";
import { offsetWords, transportWords } from "../../store/system.js";
import { Explain } from "../../views/explain.js";
import { html } from "../../views/html.js";
import { keysShown } from "../../views/keys.js";
import { Panel } from "../../views/panel.js";

export function ThisPage({ page }) {
  const { board } = page;
  const open = () => (keysShown.value = true);
  return html`<${Panel}
    id="page"
    title="This page"
    testid="this-page"
    actions=${html`<button type="button" class="button small" onClick=${open}>Keys</button>`}
  >
    <dl class="pairs panel-body">
      ${facts(page).map(
        ({ name, label, value, text, definition }) => html`<div key=${name}>
          <dt><${Explain} board=${board} label=${label} definition=${definition} /></dt>
          <dd data-field=${name} data-value=${value ?? ""}>${text}</dd>
        </div>`,
      )}
    </dl>
  <//>`;
}

function facts({ board, feed }) {
  // Each second: neither the transport nor the clock says when it changes.
  const now = board.wall.value;
  const { state, since } = board.connection.value;
  const transport = feed.socket?.wire?.transport ?? null;
  const { offsetMs } = board.clock;
  const changedAt = board.changedAt.value;
  return [
    {
      name: "connection",
      label: "Connection",
      value: state,
      text: since === null ? sentence(state) : `${sentence(state)} since ${board.zone.value.moment(since, now)}`,
      definition: "Live: what changes comes by itself. Otherwise the board tries again by itself, and what it shows is old.",
    },
    {
      name: "transport",
      label: "Transport",
      value: transport,
      text: transportWords(transport),
      definition: "How the socket is carried. Long polling means that something in between forbids WebSocket: slower, and as complete.",
    },
    {
      name: "offset",
      label: "This machine's clock",
      value: Math.round(offsetMs),
      text: offsetWords(offsetMs),
      definition: "Against the server's, by which all ages and timers here count.",
    },
    {
      name: "changedAt",
      label: "Last change",
      value: changedAt,
      text: changedAt === null ? UNKNOWN : ago(now - changedAt),
      definition: "When this page was last told of anything. On a quiet board that may be long ago.",
    },
  ];
}
