/**
 * The one polite line that a screen reader is told: no table and no timer is a live region.
 *
 * A change of the connection is told at once, figures at most every half minute and only when
 * they changed: who listens must be able to work meanwhile.
 */

import { effect, signal } from "@preact/signals";

import { plural } from "../store/format.js";
import { html } from "./html.js";

const QUIET_MS = 30_000;

const CONNECTION_WORDS = {
  connecting: "Connecting.",
  live: "Live.",
  reconnecting: "Connection lost, reconnecting. The figures are old.",
  offline: "The server does not answer. The figures are old.",
  "signed-out": "Signed out.",
};

/** Return a signal with the line, kept up to date. */
export function makeStatusLine(board) {
  const line = signal("");
  let told = { state: null, text: "", at: 0 };
  effect(() => {
    const { state } = board.connection.value;
    const now = board.wall.value;
    const text = `${CONNECTION_WORDS[state]}${state === "live" ? figures(board) : ""}`;
    const due = state !== told.state || (text !== told.text && now - told.at >= QUIET_MS);
    if (!due) return;
    told = { state, text, at: now };
    line.value = text;
  });
  return line;
}

function figures(board) {
  const live = board.live.value;
  const summary = board.summary.value;
  if (!live || board.pausedAt.value !== null) return "";
  const today = summary ? `, ${plural(summary.totalCalls, "call")} today` : "";
  return ` ${plural(live.length, "live call")}${today}.`;
}

export function StatusLine({ line }) {
  return html`<p class="visually-hidden" role="status">${line}</p>`;
}
