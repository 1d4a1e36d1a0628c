/** One figure of a screen, in a tile. What cannot be known is a dash, never a zero. */

import { html } from "./html.js";
import { Explain } from "./explain.js";

/**
 * A tile in a `<dl class="tiles">`.
 *
 * `name` is what tests find it by, `value` the bare figure (null: unknown) and `text` how it reads.
 * `href` leads to the calls behind it. `explain` goes to Explain: definition, share, window, at.
 */
export function Stat({ board, name, label, value, text, small, href, tone, loading, explain, children }) {
  const unknown = value === null || value === undefined;
  const shown = html`<span>${text}</span>`;
  return html`<div class=${`tile ${tone ? `tile-${tone}` : ""}`} data-tile=${name}>
    <dt><${Explain} board=${board} label=${label} ...${explain} /></dt>
    <dd
      class=${loading && unknown ? "tile-value waiting" : "tile-value"}
      data-value=${unknown ? "" : value}
    >
      ${href && !unknown ? html`<a href=${href}>${shown}</a>` : shown}
    </dd>
    <dd class="tile-small">${small || "\u00a0"}</dd>
    ${children && html`<dd class="tile-more">${children}</dd>`}
  </div>`;
}
