/** Whom a campaign calls: page by page, and added from a table. */

import { useSignal } from "@preact/signals";

import { Refused } from "../../api.js";
import { useRead } from "../../reads.js";
import { jsonLines } from "../../store/campaigns.js";
import { count, plural } from "../../store/format.js";
import { hrefOf } from "../../store/route.js";
import { html } from "../../views/html.js";
import { Panel, Reading } from "../../views/panel.js";
import { mayWrite, Problem, useWrite } from "../campaigns/parts.js";

const PROBLEMS_SHOWN = 5;

export function Contacts({ page, id, path }) {
  const read = useRead(page, `${path}/contacts`);
  const later = useSignal([]);
  const more = useWrite();
  const pages = [read.data, ...later.value];
  const last = pages.at(-1);
  const total = read.data?.total;
  const load = () =>
    more.run(async () => {
      const before = encodeURIComponent(last.next);
      const next = await page.ask(`${path}/contacts?before=${before}`);
      later.value = [...later.value, next];
    });
  const imported = () => {
    later.value = [];
    page.reads.again();
  };
  return html`<${Panel} id="contacts" title="Contacts" hint=${total == null ? "" : count(total)} testid="contacts">
    <${Reading}
      page=${page}
      read=${read}
      what="its contacts"
      isEmpty=${({ contacts }) => contacts.length === 0}
      empty=${html`<p>No list of contacts is kept here.</p>`}
    >
      ${() => html`
        <${Rows} id=${id} contacts=${pages.flatMap(({ contacts }) => contacts)} />
        <${Problem} text=${more.error} />
        ${last.next &&
        html`<p class="panel-body campaign-more">
          <button type="button" class="button small" disabled=${more.busy} onClick=${load}>More</button>
        </p>`}
      `}
    <//>
    ${mayWrite(page) && html`<${Import} path=${path} onDone=${imported} />`}
  <//>`;
}

function Rows({ id, contacts }) {
  return html`<div class="table-scroller contact-rows" tabindex="0" role="region" aria-label="Table of contacts">
    <table class="table">
      <caption class="visually-hidden">Contacts</caption>
      <thead>
        <tr>
          ${["Number", "Name", "Timezone", "Notes"].map((word) => html`<th key=${word} scope="col">${word}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${contacts.map(({ contactId, number, name, timezone, notes }) => {
          const href = hrefOf("calls", { query: { campaign: id, number } });
          return html`<tr key=${contactId} data-contact=${contactId}>
            <td>${number ? html`<a href=${href}>${number}</a>` : "—"}</td>
            ${[name, timezone, notes].map((text, at) => html`<td key=${at}>${text ?? "—"}</td>`)}
          </tr>`;
        })}
      </tbody>
    </table>
  </div>`;
}

function Import({ path, onDone }) {
  const told = useSignal(null);
  const { busy, error, run } = useWrite();
  const choose = async ({ currentTarget: input }) => {
    const [file] = input.files;
    if (!file) return;
    told.value = null;
    await run(() => send(`${path}/contacts.csv`, file, (tally) => (told.value = tally)));
    input.value = ""; // the same file can be chosen again, corrected
    onDone();
  };
  const { rows, added, changed, refused, problems = [], done } = told.value ?? {};
  return html`<div class="panel-body campaign-import" data-testid="import">
    <label class="field">
      Import a CSV file with a column "number"
      <input type="file" accept=".csv,text/csv" disabled=${busy} onChange=${choose} />
    </label>
    ${(busy || told.value) &&
    html`<p data-field="rows" data-value=${rows}>
      ${done ? "Imported" : "Importing"}: ${plural(rows, "row")}, ${count(added)} new,
      ${" "}${count(changed)} changed, ${count(refused)} refused.
    </p>`}
    ${problems.length > 0 &&
    html`<ul class="tone-bad">
      ${problems
        .slice(0, PROBLEMS_SHOWN)
        .map(({ line, field, message }) => html`<li key=${line}>Line ${line}: ${field} ${message}</li>`)}
    </ul>`}
    <${Problem} text=${error} />
  </div>`;
}

/** Send a table; `tell` hears of every line that the server answers while it goes on. */
async function send(path, file, tell) {
  const headers = { "Content-Type": "text/csv" };
  const response = await fetch(path, { method: "POST", body: file, headers });
  if (!response.ok) throw new Refused(response.status, await response.json().catch(() => null));
  let last = null;
  for await (last of jsonLines(response.body.getReader())) tell(last);
  if (!last?.done) throw new Error(last?.error ?? "the import was cut off");
}
