/** The rules in force: what is looked at, for how long, and how to change and try them. */

import { timesFired } from "../../store/alerts.js";
import { count, plural, UNKNOWN } from "../../store/format.js";
import { hrefOf } from "../../store/route.js";
import { chosen } from "../../store/system.js";
import { html } from "../../views/html.js";
import { Panel, Reading } from "../../views/panel.js";
import { Severity, Words } from "./parts.js";

export const RULES_PATH = "/api/alerts/rules";

const EXAMPLE = `CALLBOARD_ALERTS='{"hit_ratio": {"below": 0.6, "for_s": 600}, "drift": {"off": true}}'`;

/** `history` is null while it is not known: then nobody can say how often a rule fired. */
export function Rules({ page, read, history }) {
  const times = history && timesFired(history);
  return html`<${Panel} id="rules" title="Rules" hint=${hint(read.data)} testid="rules">
    <${Reading}
      page=${page}
      read=${read}
      what="the rules"
      isEmpty=${({ rules }) => rules.length === 0}
      empty=${html`<p>Every rule is switched off.</p>`}
    >
      ${({ rules }) => html`<div class="table-scroller" tabindex="0" role="region" aria-label="Table of rules">
        <table class="table told">
          <caption class="visually-hidden">
            Rules that are judged every ten seconds
          </caption>
          <thead>
            <tr>
              <th scope="col">Rule</th>
              <th scope="col">Fires when</th>
              <th scope="col">For</th>
              <th scope="col">Clears after</th>
              <th scope="col">Smallest sample</th>
              <th scope="col">Fired</th>
              <th scope="col">What to do</th>
            </tr>
          </thead>
          <tbody>
            ${rules.map((rule) => html`<${Row} key=${rule.name} rule=${rule} times=${times} />`)}
          </tbody>
        </table>
      </div>`}
    <//>
    <div class="panel-body rules-help">
      <p>
        A rule fires when its condition held for that long, and clears when it was good again for
        that long; between the two thresholds nothing changes. Too small a sample is not judged.
        Change rules by name in the server's environment, and start it again:
      </p>
      <p><code>${EXAMPLE}</code></p>
      <p>Try rules first on what was seen in the last days; nothing is sent or recorded:</p>
      <p><code>callboard alerts test --since 7d --rules rules.json</code></p>
      <p>
        Who is told: <code>CALLBOARD_ALERT_URLS</code>; a test message to each:${" "}
        <code>callboard alerts test --send</code>.
      </p>
    </div>
  <//>`;
}

function hint(data) {
  return data?.rules.length ? `${plural(data.rules.length, "rule")}, judged every 10 s` : "";
}

function Row({ rule, times }) {
  const fired = times && (times.get(rule.name) ?? 0);
  const { name, minimum } = rule;
  return html`<tr data-rule=${name}>
    <th scope="row">
      <${Severity} severity=${rule.severity} /> ${rule.title}${" "}
      <code class="hint">${name}</code>
    </th>
    <td data-th="Fires when"><span><${Words} text=${rule.condition} /></span></td>
    <td data-th="For" data-value=${rule.forS}>${rule.forS ? chosen(rule.forS) : "At once"}</td>
    <td data-th="Clears after" data-value=${rule.clearForS}>${chosen(rule.clearForS)}</td>
    <td data-th="Smallest sample" data-value=${minimum ?? ""}>${minimum ? count(minimum) : "Any"}</td>
    <td data-th="Fired" data-field="fired" data-value=${fired ?? ""}>
      ${fired === null
        ? UNKNOWN
        : fired
          ? html`<a href=${hrefOf("alerts", { query: { rule: name } })}>${plural(fired, "time")}</a>`
          : "0 times"}
    </td>
    <td data-th="What to do"><span><${Words} text=${rule.advice} /></span></td>
  </tr>`;
}
