/** The way to the other screens. */

import { hrefOf } from "../store/route.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

const SCREENS = [
  { screen: "now", word: "Now", icon: "now" },
  { screen: "live", word: "Live calls", icon: "in-progress" },
  { screen: "campaigns", word: "Campaigns", icon: "campaigns", also: "campaign" },
  { screen: "analytics", word: "Analytics", icon: "analytics" },
  { screen: "calls", word: "Calls", icon: "calls", also: "call" },
  { screen: "alerts", word: "Alerts", icon: "bell" },
  { screen: "system", word: "System", icon: "server" },
  { screen: "wall", word: "Wall", icon: "system" },
];

export function Nav({ page }) {
  const { screen: here } = page.address.route.value;
  return html`<nav class="nav" aria-label="Screens">
    <ul>
      ${SCREENS.map(({ screen, word, icon, also }) => {
        const current = screen === here ? "page" : also === here ? "true" : null;
        return html`<li key=${screen}>
          <a href=${hrefOf(screen)} aria-current=${current} data-screen=${screen}>
            <${Icon} name=${icon} /><span>${word}</span>
          </a>
        </li>`;
      })}
    </ul>
  </nav>`;
}
