/** Every live call, in a table that holds only the rows in sight. */

import { html } from "../views/html.js";
import { LiveCalls } from "../views/live_calls.js";

export function LiveScreen({ page }) {
  return html`<${LiveCalls} board=${page.board} tall />`;
}
