/** The page as a whole: board, sign-in form, or that nobody answers. */

import { CampaignList } from "./campaigns.js";
import { Hours } from "./hours.js";
import { html } from "./html.js";
import { LiveCalls } from "./live_calls.js";
import { RecentCalls } from "./recent.js";
import { SignIn, Unreachable } from "./sign_in.js";
import { StatusLine } from "./status_line.js";
import { Tiles } from "./tiles.js";
import { Notice, TopBar } from "./top_bar.js";

export function App({ board, feed, line }) {
  return html`
    <${TopBar} board=${board} feed=${feed} />
    <${StatusLine} line=${line} />
    <${Body} board=${board} feed=${feed} />
  `;
}

function Body({ board, feed }) {
  const { state } = board.connection.value;
  if (state === "signed-out") return html`<${SignIn} feed=${feed} />`;
  if (state === "offline" && !board.live.value) {
    return html`<${Unreachable} board=${board} feed=${feed} />`;
  }
  return html`
    <${Notice} board=${board} feed=${feed} />
    <main class=${state === "live" || !board.live.value ? "board" : "board is-old"}>
      <${Tiles} board=${board} />
      <${Hours} board=${board} />
      <div class="columns">
        <${LiveCalls} board=${board} />
        <${CampaignList} board=${board} />
      </div>
      <${RecentCalls} board=${board} />
    </main>
  `;
}
