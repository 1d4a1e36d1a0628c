/** The page as a whole: a screen in its frame, the sign-in form, or that nobody answers. */

import { AlertsScreen } from "../screens/alerts.js";
import { AnalyticsScreen } from "../screens/analytics.js";
import { CallScreen } from "../screens/call.js";
import { CallsScreen } from "../screens/calls.js";
import { CampaignScreen } from "../screens/campaign.js";
import { CampaignsScreen } from "../screens/campaigns.js";
import { LiveScreen } from "../screens/live.js";
import { NowScreen } from "../screens/now.js";
import { SystemScreen } from "../screens/system.js";
import { WallScreen } from "../screens/wall.js";
import { html } from "./html.js";
import { Keys } from "./keys.js";
import { Nav } from "./nav.js";
import { SignIn, Unreachable } from "./sign_in.js";
import { StatusLine } from "./status_line.js";
import { Notice, TopBar } from "./top_bar.js";

const SCREENS = {
  now: { View: NowScreen, title: "Now" },
  live: { View: LiveScreen, title: "Live calls" },
  campaigns: { View: CampaignsScreen, title: "Campaigns" },
  campaign: { View: CampaignScreen, title: "Campaign" },
  analytics: { View: AnalyticsScreen, title: "Analytics" },
  calls: { View: CallsScreen, title: "Calls" },
  call: { View: CallScreen, title: "Call" },
  alerts: { View: AlertsScreen, title: "Alerts" },
  system: { View: SystemScreen, title: "System" },
  wall: { View: WallScreen, title: "Wall", bare: true },
  lost: { View: Lost, title: "Not here" },
};

export function App({ page, line }) {
  const { screen } = page.address.route.value;
  const { state } = page.board.connection.value;
  const bare = SCREENS[screen].bare && state !== "signed-out";
  return html`
    ${!bare && html`<a class="skip" href="#main">Skip to the screen</a>`}
    ${!bare && html`<${TopBar} page=${page} />`}
    <${StatusLine} line=${line} />
    <${Keys} page=${page} />
    <${Body} page=${page} />
  `;
}

function Body({ page }) {
  const { board, feed, address } = page;
  const { state } = board.connection.value;
  if (state === "signed-out") return html`<${SignIn} feed=${feed} />`;
  if (state === "offline" && !board.live.value) {
    return html`<${Unreachable} board=${board} feed=${feed} />`;
  }
  const { screen, id } = address.route.value;
  const { View, title, bare } = SCREENS[screen];
  const old = state !== "live" && board.live.value;
  // Another campaign or call is another screen: nothing of the former may stay on it.
  const shown = html`<${View} key=${`${screen}/${id}`} page=${page} id=${id} />`;
  if (bare) return shown;
  return html`
    <${Notice} board=${board} feed=${feed} />
    <div class="frame">
      <${Nav} page=${page} />
      <main id="main" tabindex="-1" class=${old ? "board is-old" : "board"} data-screen=${screen} aria-label=${title}>
        ${shown}
      </main>
    </div>
  `;
}

function Lost() {
  return html`<div class="empty" data-state="empty">
    <p class="empty-title">There is no such screen.</p>
    <p><a href="/">Go to Now</a></p>
  </div>`;
}
