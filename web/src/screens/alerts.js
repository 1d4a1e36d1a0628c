/** Alerts: what fires, what fired, what came of telling people, and by which rules. */

import { useRead } from "../reads.js";
import { episodes, firingFirst, judged, readAlertQuery } from "../store/alerts.js";
import { ago } from "../store/format.js";
import { hrefOf } from "../store/route.js";
import { ALERTS_EVERY_MS, ALERTS_PATH, flipSound, sound } from "../views/bell.js";
import { html } from "../views/html.js";
import { Icon } from "../views/icons.js";
import { Reading } from "../views/panel.js";
import { Filters } from "./alerts/filters.js";
import { Firing } from "./alerts/firing.js";
import { History } from "./alerts/history.js";
import { Rules, RULES_PATH } from "./alerts/rules.js";

export function AlertsScreen({ page }) {
  const read = useRead(page, ALERTS_PATH, ALERTS_EVERY_MS);
  const rules = useRead(page, RULES_PATH);
  const asked = readAlertQuery(page.address.route.value.query);
  const { firing = [], recent = [] } = read.data ?? {};
  const history = episodes(recent, firing);
  const looked = read.data && judged(read.data, read.at);
  return html`
    <div class="screen-head">
      <h2>Alerts</h2>
      ${looked && html`<${Judged} board=${page.board} ...${looked} />`}
      <${Sound} />
    </div>
    <${Filters} page=${page} asked=${asked} rules=${rules.data?.rules ?? []} history=${history} />
    <${Reading} page=${page} read=${read} what="the alerts">
      ${() => html`
        <${Firing} page=${page} firing=${firingFirst(firing)} asked=${asked} late=${looked.late} />
        <${History} page=${page} history=${history} asked=${asked} />
      `}
    <//>
    <${Rules} page=${page} read=${rules} history=${read.data && history} />
  `;
}

/** When somebody looked last: that nothing fires means nothing when nobody looks. */
function Judged({ board, at, late }) {
  if (!late) {
    return html`<p class="hint" data-testid="judged" data-state="good" data-value=${at}>
      Rules judged ${ago(board.wall.value - at)}
    </p>`;
  }
  const since = at === null ? "yet" : `since ${board.zone.value.moment(at, board.wall.value)}`;
  return html`<p class="judged-late" data-testid="judged" data-state="late" data-value=${at ?? ""}>
    <${Icon} name="alert" />
    <span>
      Nobody has judged the rules ${since}: what is shown may be over, and what is wrong may be
      missing. The projector judges them: look at${" "}
      <a href=${hrefOf("system")}>System</a> and its log.
    </span>
  </p>`;
}

function Sound() {
  return html`<button
    type="button"
    class="button small sound-switch"
    aria-pressed=${String(sound.value)}
    data-testid="sound"
    onClick=${flipSound}
  >
    <${Icon} name=${sound.value ? "sound" : "muted"} />
    Sound for new critical alerts: ${sound.value ? "on" : "off"}
  </button>`;
}
