/** A term that says what it means: definition, numerator and denominator, window, age. */

import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";

import { ago, count } from "../store/format.js";
import { html } from "./html.js";

const EDGE = 8;

/**
 * The name of a figure. Hovered, focused or pressed it explains itself; Escape hides that.
 *
 * `share` is `[numerator, denominator]`; `window` names the time it covers ("today, Europe/Madrid");
 * `at` is when it was true, in milliseconds, and is shown as an age by the board's clock.
 */
export function Explain({ board, label, definition, share, window: covers, at }) {
  const id = useId();
  const away = useSignal(false);
  const open = useSignal(false);
  const hide = (event) => {
    if (event.key !== "Escape") return;
    away.value = true;
    open.value = false;
  };
  const show = (event) => {
    away.value = false;
    keepInSight(event.currentTarget.lastElementChild);
  };
  const state = `${away.value ? " is-away" : ""}${open.value ? " is-open" : ""}`;
  return html`<span
    class=${`explain${state}`}
    onPointerEnter=${show}
    onFocusIn=${show}
    onKeyDown=${hide}
  >
    <button
      type="button"
      class="explain-term"
      aria-describedby=${id}
      onClick=${() => (open.value = !open.value)}
      onBlur=${() => (open.value = false)}
    >
      ${label}
    </button>
    <span class="explain-note" role="tooltip" id=${id}>
      <span>${definition}</span>
      ${share && html`<span class="explain-fact">${count(share[0])} of ${count(share[1])}</span>`}
      ${covers && html`<span class="explain-fact">${covers}</span>`}
      ${at && html`<span class="explain-fact"><${Age} board=${board} at=${at} /></span>`}
    </span>
  </span>`;
}

/** Move a note that would go over the right edge back to the left. */
function keepInSight(note) {
  note.style.translate = "";
  const over = note.getBoundingClientRect().right - document.documentElement.clientWidth + EDGE;
  if (over > 0) note.style.translate = `${-over}px`;
}

function Age({ board, at }) {
  return html`as of ${board.zone.value.time(at)}, ${ago(board.wall.value - at)}`;
}
