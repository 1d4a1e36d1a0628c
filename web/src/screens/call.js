/** One call: who, what came of it, and both vendors' webhooks as one story. */

import { useComputed } from "@preact/signals";

import { useRead } from "../reads.js";
import { hrefOf } from "../store/route.js";
import { isLive } from "../store/statuses.js";
import { html } from "../views/html.js";
import { Icon } from "../views/icons.js";
import { Reading } from "../views/panel.js";
import { Conversation } from "./call/conversation.js";
import { Cost } from "./call/cost.js";
import { Facts } from "./call/facts.js";
import { Head } from "./call/head.js";
import { Raw } from "./call/raw.js";
import { Timeline } from "./call/timeline.js";

const LIVE_MS = 5_000;
const SETTLING_MS = 15_000;

// The analysis of a conversation and the prices come minutes after the end.
const SETTLED_AFTER_MS = 10 * 60_000;

export function CallScreen({ page, id }) {
  const { board } = page;
  const path = `/api/calls/${encodeURIComponent(id)}`;
  const held = useComputed(() => {
    board.live.value;
    board.recent.value;
    return board.calls.live.get(id) ?? board.calls.recent.get(id) ?? null;
  }).value;
  const known = newest(held, page.reads.entry(path).state.value.data);
  const pace = paceOf(known, board.now.peek());
  // What the board has comes by itself; a call that it does not know is asked for.
  const read = useRead(page, path, held && isLive(held.status) ? null : pace);
  const story = useRead(page, `${path}/timeline`, pace);
  const call = newest(held, read.data);
  // What the board has needs no reading, and no complaint when that fails.
  const shown = { ...read, data: call, loading: call === null, error: held ? null : read.error };
  if (call === null && read.error?.status === 404) return html`<${NotFound} id=${id} />`;
  return html`
    <p class="crumbs"><a href=${hrefOf("calls")}><${Icon} name="back" />Calls</a></p>
    <${Reading} page=${page} read=${shown} what="this call">
      ${() => html`
        <${Head} page=${page} call=${call} />
        <${Facts} page=${page} call=${call} />
        <div class="call-columns">
          <${Timeline} page=${page} call=${call} read=${story} />
          <div class="call-side">
            <${Conversation} call=${call} />
            <${Cost} page=${page} call=${call} />
            <${Raw} call=${call} />
          </div>
        </div>
      `}
    <//>
  `;
}

/** How often to read: while it lives, a while after, and then no more. */
function paceOf(call, now) {
  if (call === null) return SETTLING_MS;
  if (isLive(call.status) || call.status === "queued") return LIVE_MS;
  const ended = Date.parse(call.endTime ?? call.updatedAt ?? "");
  return now - ended < SETTLED_AFTER_MS ? SETTLING_MS : null;
}

function newest(held, read) {
  if (held === null || read === null) return held ?? read;
  return (held.updatedAt ?? "") >= (read.updatedAt ?? "") ? held : read;
}

function NotFound({ id }) {
  const isConversation = id.startsWith("conv_");
  const query = isConversation ? { conversation: id } : {};
  return html`<section class="panel" data-testid="call">
    <div class="empty" data-state="not-found">
      <h2 class="empty-title"><${Icon} name="unknown" /> There is no call <code>${id}</code></h2>
      <p>
        ${isConversation
          ? "This conversation belongs to a call by now, or nobody has heard of it."
          : "Nobody has told of it, or it is older than what is kept."}
      </p>
      <p>
        <a href=${hrefOf("calls", { query })}>
          ${isConversation ? "Look for the conversation's call" : "Search the calls"}
        </a>
      </p>
    </div>
  </section>`;
}
