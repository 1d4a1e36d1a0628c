/** What a wall must not hide: that its figures are old, and which alert fires. */

import { firingFirst } from "../../store/alerts.js";
import { ago, plural } from "../../store/format.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";

/** Across the screen whenever it does not show the present; null while it does. */
export function Stale({ board }) {
  const { state, since } = board.connection.value;
  if (state === "live") return html`<${Paused} board=${board} />`;
  const at = since ?? board.changedAt.value;
  if (at === null) {
    return html`<div class="wall-stale" data-testid="stale">
      <b>CONNECTING</b><span>No data yet</span>
    </div>`;
  }
  const { moment } = board.zone.value;
  return html`<div class="wall-stale" data-testid="stale" data-value=${new Date(at).toISOString()}>
    <b><${Icon} name="alert" /> STALE</b>
    <span>
      Last data ${moment(at, board.wall.value)}, ${ago(board.wall.value - at)}. Trying again by itself.
    </span>
  </div>`;
}

/** Held still by a key of the keyboard: nobody who looks at a wall would know. */
function Paused({ board }) {
  const pausedAt = board.pausedAt.value;
  if (pausedAt === null) return null;
  return html`<div class="wall-stale" data-testid="stale" data-value=${new Date(pausedAt).toISOString()}>
    <b><${Icon} name="pause" /> PAUSED</b>
    <span>at ${board.zone.value.time(pausedAt)}</span>
    <button type="button" class="button" onClick=${() => board.resume()}>Resume</button>
  </div>`;
}

/** The worst alert in words; the page's edge has its colour. */
export function Alarm({ firing }) {
  const [worst, ...others] = firingFirst(firing);
  if (!worst) return null;
  const isCritical = worst.severity === "critical";
  return html`<p class=${`wall-alarm wall-alarm-${worst.severity}`} data-testid="alarm">
    <${Icon} name=${isCritical ? "failed" : "alert"} />
    <b>${isCritical ? "Critical" : "Warning"}: ${worst.title}</b>
    <span class="wall-seen">${worst.seen}</span>
    ${others.length > 0 && html`<span>and ${plural(others.length, "other")}</span>`}
  </p>`;
}
