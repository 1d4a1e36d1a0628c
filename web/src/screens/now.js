/** What is happening now: the day's figures, what is wrong, the live calls, what ended last. */

import { CampaignList } from "../views/campaigns.js";
import { Hours } from "../views/hours.js";
import { html } from "../views/html.js";
import { LiveCalls } from "../views/live_calls.js";
import { RecentCalls } from "../views/recent.js";
import { Attention } from "./now/attention.js";
import { Tiles } from "./now/tiles.js";

export function NowScreen({ page }) {
  const { board } = page;
  return html`
    <${Tiles} page=${page} />
    <${Attention} page=${page} />
    <${Hours} page=${page} />
    <div class="columns">
      <${LiveCalls} board=${board} />
      <${CampaignList} page=${page} />
    </div>
    <${RecentCalls} board=${board} />
  `;
}
