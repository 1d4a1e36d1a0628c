/** The order of live calls while somebody reads or aims at them: nothing moves, new ones wait. */

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";

import { count, span } from "../store/format.js";
import { countNew, groupName, holdOrder, withHeads } from "../store/rows.js";
import { html } from "./html.js";

/** Whether a pointer or the keyboard is within; `listeners` go to the element. */
export function useHold() {
  const hovered = useSignal(false);
  const focused = useSignal(false);
  const listeners = {
    onPointerEnter: (event) => (hovered.value = event.pointerType !== "touch"),
    onPointerLeave: () => (hovered.value = false),
    // A press leaves the focus behind: only who goes by keyboard holds the rows with it.
    onFocusIn: (event) => (focused.value = event.target.matches(":focus-visible")),
    onFocusOut: () => (focused.value = false),
  };
  return { held: hovered.value || focused.value, listeners };
}

/**
 * Keep the order of rows, and their groups, as they are while held, unless other rows are wished
 * for. Returns the calls as `rows`, with heads of groups between them as `all`.
 */
export function useHeldOrder(sorted, held, wish, { by, campaignName, isPinned }) {
  const frozen = useRef(null);
  const groupNow = (call) => groupName(call, by, campaignName);
  if (!held) frozen.current = null;
  else if (frozen.current?.wish !== wish) {
    const groups = new Map(sorted.map((call) => [call.sid, by && groupNow(call)]));
    frozen.current = { wish, groups };
  }
  const groups = frozen.current?.groups;
  const { rows, waiting } = groups
    ? holdOrder(sorted, [...groups.keys()])
    : { rows: sorted, waiting: 0 };
  const nameOf = groups ? ({ sid }) => groups.get(sid) : groupNow;
  return { rows, waiting, all: by ? withHeads(rows, nameOf, isPinned) : rows };
}

/** How many calls wait to be shown: for the pointer to leave, or for the board to be resumed. */
export function WaitingCalls({ board, waiting, onShow }) {
  if (board.pausedAt.value !== null) return html`<${SincePause} board=${board} />`;
  if (waiting === 0) return null;
  return html`<button type="button" class="button small new-calls" onClick=${onShow}>
    ${count(waiting)} new<span class="wide-only"> – show</span>
  </button>`;
}

/** Rendered once a second by the clock, not with each call that comes. */
function SincePause({ board }) {
  const pausedS = (board.wall.value - board.pausedAt.value) / 1000;
  const waiting = countNew(board.calls.live, board.live.value ?? []);
  if (waiting === 0) return null;
  return html`<button
    type="button"
    class="button small new-calls"
    title=${`Paused for ${span(pausedS)}`}
    onClick=${() => board.resume()}
  >
    ${count(waiting)} new<span class="wide-only"> – resume</span>
  </button>`;
}
