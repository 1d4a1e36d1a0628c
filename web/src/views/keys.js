/** The board by keyboard: the keys at work, and the dialog that lists them. */

import { effect, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { isForBoard, KEYS, NO_KEY, pressed } from "../store/keymap.js";
import { hrefOf } from "../store/route.js";
import { Dialog } from "./dialog.js";
import { html } from "./html.js";

const KEPT = "callboard.keys";
const TYPING = "input, textarea, select, [contenteditable]";

/** Whether the dialog is open. */
export const keysShown = signal(false);

// Who dictates, or brushes the keyboard, must be able to switch single keys off (WCAG 2.1.4).
const enabled = signal(stored());

/** Put it anywhere in the page: it shows nothing but the dialog. */
export function Keys({ page }) {
  useEffect(() => listen(page), []);
  return keysShown.value && html`<${Help} />`;
}

function listen(page) {
  let waiting = NO_KEY;
  const down = (event) => {
    const target = event.target instanceof Element ? event.target : document.body;
    const busy = target.closest(TYPING) || document.querySelector("dialog[open]");
    if (!enabled.value || !isForBoard(event, Boolean(busy))) {
      // Pressing Shift is no key of its own: it may be part of the second one.
      if (event.key !== "Shift") waiting = NO_KEY;
      return;
    }
    const next = pressed(waiting, event.key, event.timeStamp);
    waiting = event.key === "Shift" ? waiting : next.waiting;
    if (next.action && act(page, next.action)) event.preventDefault();
  };
  addEventListener("keydown", down);
  return () => removeEventListener("keydown", down);
}

/** Do it; tells whether there was something to do. */
function act(page, { does, screen }) {
  if (page.board.session.value === null) return false;
  if (does === "help") keysShown.value = true;
  if (does === "pause") flipPause(page.board);
  if (does === "search") document.getElementById("search")?.focus();
  if (does === "go") page.address.go(hrefOf(screen));
  return true;
}

function flipPause(board) {
  if (board.pausedAt.value === null) board.pause();
  else board.resume();
}

function Help() {
  const close = () => (keysShown.value = false);
  return html`<${Dialog} id="keys" title="Keys" onClose=${close} testid="keys">
    <dl class="keys">
      ${KEYS.map(
        ({ keys, words }) => html`<div key=${words}>
          <dt>${keys.map((key) => html`<kbd key=${key}>${key}</kbd>`)}</dt>
          <dd>${words}</dd>
        </div>`,
      )}
    </dl>
    <label class="field keys-switch">
      <input
        type="checkbox"
        name="keys"
        checked=${enabled.value}
        onChange=${(event) => (enabled.value = event.target.checked)}
      />
      Single keys are on (this list is on System too)
    </label>
  <//>`;
}

effect(() => {
  try {
    globalThis.localStorage?.setItem(KEPT, enabled.value ? "on" : "off");
  } catch {
    // Storage may be forbidden: the choice then lasts as long as the page.
  }
});

function stored() {
  try {
    return globalThis.localStorage?.getItem(KEPT) !== "off";
  } catch {
    return true;
  }
}
