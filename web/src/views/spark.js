/** A row of small bars below a figure: how it went through the hours of the day. */

import { UNKNOWN } from "../store/format.js";
import { html } from "./html.js";

const HEIGHT = 20;

/**
 * Bars of `values` (null: nothing there), drawn up to `top` or the highest of them.
 *
 * `what` names them ("Attempts by hour") and `format` writes one; `nameAt` tells where one is.
 */
export function Spark({ values, what, format, nameAt, top }) {
  const known = values.filter((value) => value !== null);
  const highest = Math.max(0, ...known);
  const at = values.indexOf(highest);
  const told = highest > 0 ? `, highest ${format(highest)} ${nameAt(at)}` : `: ${UNKNOWN}`;
  const scale = HEIGHT / Math.max(top ?? 0, highest, 1e-9);
  const bars = values.map((value, x) =>
    value ? `M${x + 0.5} ${HEIGHT}V${(HEIGHT - Math.max(1, value * scale)).toFixed(1)}` : "",
  );
  return html`<svg
    class="spark"
    viewBox=${`0 0 ${values.length} ${HEIGHT}`}
    preserveAspectRatio="none"
    role="img"
    aria-label=${`${what}${told}`}
  >
    <path class="spark-ground" d=${`M0 ${HEIGHT}H${values.length}`} />
    <path class="spark-bars" d=${bars.join("")} />
  </svg>`;
}
