/** One campaign: its figures, when it will be done, its hours, failures, live calls, contacts. */

import { useRead } from "../reads.js";
import { newest } from "../store/campaigns.js";
import { hrefOf } from "../store/route.js";
import { html } from "../views/html.js";
import { Icon } from "../views/icons.js";
import { LiveCalls } from "../views/live_calls.js";
import { Reading } from "../views/panel.js";
import { Contacts } from "./campaign/contacts.js";
import { Failures, Funnel } from "./campaign/funnel.js";
import { Head } from "./campaign/head.js";
import { Lines, Today } from "./campaign/hours.js";
import { ProgressPanel } from "./campaign/progress.js";
import { Tiles } from "./campaign/tiles.js";

const EVERY_MS = 30_000;

export function CampaignScreen({ page, id }) {
  // Another campaign is another screen: nothing typed or loaded for this one may stay.
  return html`<${Campaign} key=${id} page=${page} id=${id} />`;
}

function Campaign({ page, id }) {
  const path = `/api/campaigns/${encodeURIComponent(id)}`;
  const read = useRead(page, path, EVERY_MS);
  const live = page.board.campaigns.value?.find(({ campaignId }) => campaignId === id) ?? null;
  const status = newest(live, read.data);
  if (status === null && read.error?.status === 404) return html`<${NotFound} id=${id} />`;
  // What comes by socket needs no reading, and no complaint when that fails.
  const shown = { ...read, data: status, loading: status === null, error: live ? null : read.error };
  const common = { page, id, path, status };
  return html`
    <p class="crumbs"><a href=${hrefOf("campaigns")}><${Icon} name="back" />Campaigns</a></p>
    <${Reading} page=${page} read=${shown} what="this campaign">
      ${() => html`
        <${Head} ...${common} />
        <${Tiles} ...${common} />
        <${ProgressPanel} ...${common} />
        <div class="campaign-pair">
          <${Today} ...${common} />
          <${Lines} ...${common} />
          <${Funnel} ...${common} />
          <${Failures} ...${common} />
        </div>
        <${LiveCalls} board=${page.board} campaignId=${id} />
        <${Contacts} ...${common} />
      `}
    <//>
  `;
}

function NotFound({ id }) {
  return html`<section class="panel">
    <div class="empty" data-state="not-found">
      <h2 class="empty-title"><${Icon} name="unknown" /> There is no campaign <code>${id}</code></h2>
      <p><a href=${hrefOf("campaigns")}>All campaigns</a></p>
    </div>
  </section>`;
}
