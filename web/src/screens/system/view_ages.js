/** The views that the board is made of: whether somebody vouches for each, and how old it is. */

import { briefly, viewRows } from "../../store/system.js";
import { Explain } from "../../views/explain.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";
import { Panel } from "../../views/panel.js";

const AGE = "Every change that was stored longer ago than this is in it.";
const VOUCHED =
  "The projector says again and again that a view is complete. When it has not for a while, reads go to MongoDB instead: slower, and as true.";

export function ViewAges({ board, views, at }) {
  const rows = viewRows(views);
  return html`<${Panel} id="views" title="Views" hint="what boards are shown" testid="views">
    ${rows.length > 0
      ? html`<ul class="view-ages">
          ${rows.map(
            ({ name, word, vouched, ageS, state, tone }) => html`<li key=${name} data-view=${name}>
              <h3>${word}</h3>
              <span class=${`view-state tone-${tone}`} data-field="vouched" data-value=${vouched ?? ""}>
                <${Icon} name=${vouched ? "completed" : "unknown"} />
                <${Explain} board=${board} label=${state} definition=${VOUCHED} at=${at} />
              </span>
              <span data-field="ageS" data-value=${ageS ?? ""}>
                <${Explain} board=${board} label="age" definition=${AGE} at=${at} /> ${briefly(ageS)}
              </span>
            </li>`,
          )}
        </ul>`
      : html`<p class="empty" data-state="empty">The server tells of no view.</p>`}
  <//>`;
}
