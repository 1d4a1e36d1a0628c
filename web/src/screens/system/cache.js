/** The cache by keyspace, for who may administer: what it did, forgetting it, loading it. */

import { useSignal } from "@preact/signals";

import { useRead } from "../../reads.js";
import { count, percent, UNKNOWN } from "../../store/format.js";
import { sentence } from "../../store/statuses.js";
import { chosen, forgottenWords, keyspaceRows, size, warmedWords } from "../../store/system.js";
import { Dialog } from "../../views/dialog.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";
import { Panel, Reading } from "../../views/panel.js";

const STATS_PATH = "/api/admin/cache-stats";
const STATS_EVERY_MS = 10_000; // the server looks at Redis no more often

export function Cache({ page }) {
  const read = useRead(page, STATS_PATH, STATS_EVERY_MS);
  const asking = useSignal(null);
  const busy = useSignal(null);
  const result = useSignal(null);
  const tell = (job) => work(page, job, busy, result);
  const forget = () => {
    const name = asking.value;
    asking.value = null;
    tell(() => forgetting(page, name));
  };
  const actions = html`<button
    type="button"
    class="button small"
    disabled=${busy.value !== null}
    onClick=${() => tell(() => warming(page, null))}
  >
    ${busy.value === "start" ? "Loading…" : "Load what a start loads"}
  </button>`;
  const row = { busy: busy.value, ask: (name) => (asking.value = name), warm: (name) => tell(() => warming(page, name)) };
  return html`<${Panel} id="cache" title="Cache" hint=${hint(read.data, page.board)} actions=${actions} testid="cache">
    <${Result} result=${result.value} />
    <${Reading} page=${page} read=${read} what="the cache's statistics">
      ${(stats) => html`<${Keyspaces} rows=${keyspaceRows(stats.keyspaces)} row=${row} /><${Meanings} />`}
    <//>
    ${asking.value !== null &&
    html`<${Confirm} name=${asking.value} onYes=${forget} onNo=${() => (asking.value = null)} />`}
  <//>`;
}

function hint(stats, board) {
  if (!stats) return "";
  const since = board.zone.value.moment(Date.parse(stats.since), board.wall.peek());
  const keys = stats.keys === null ? "" : ` · ${count(stats.keys)} keys, ${size(stats.memory)} in Redis`;
  const off = stats.enabled ? "" : " · switched off";
  return `this process since ${since}${keys}${off}`;
}

async function work(page, job, busy, result) {
  const { name, run } = job();
  busy.value = name ?? "start";
  result.value = null;
  try {
    result.value = { tone: "good", text: await run() };
  } catch (error) {
    result.value = { tone: "bad", text: `${name ?? "All"}: ${error.message}.` };
  }
  busy.value = null;
  page.reads.again();
}

function forgetting(page, name) {
  const body = { keyspace: name };
  const run = async () =>
    forgottenWords(name, await page.ask("/api/admin/cache/invalidate", { method: "POST", body }));
  return { name, run };
}

function warming(page, name) {
  const body = name === null ? {} : { keyspace: name };
  const run = async () =>
    warmedWords(name ?? "All", await page.ask("/api/admin/cache/warm", { method: "POST", body }));
  return { name, run };
}

function Result({ result }) {
  // There before anything is in it, so that what comes is told.
  return html`<p class="cache-result" role="status" data-testid="cache-result" data-state=${result?.tone ?? ""}>
    ${result &&
    html`<span class=${`tone-${result.tone}`}>
      <${Icon} name=${result.tone === "good" ? "completed" : "alert"} /> ${result.text}
    </span>`}
  </p>`;
}

function Keyspaces({ rows, row }) {
  return html`<div class="table-scroller" tabindex="0" role="region" aria-label="Table of keyspaces">
    <table class="table told keyspaces">
      <caption class="visually-hidden">
        Keyspaces of the cache, those that are asked most first
      </caption>
      <thead>
        <tr>
          <th scope="col">Keyspace</th>
          <th scope="col" class="number">Hits</th>
          <th scope="col" class="number">Misses</th>
          <th scope="col" class="number">Hit ratio</th>
          <th scope="col" class="number">Keys</th>
          <th scope="col" class="number">TTL</th>
          <th scope="col">Actions</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map((space) => html`<${Keyspace} key=${space.name} space=${space} ...${row} />`)}
      </tbody>
    </table>
  </div>`;
}

function Keyspace({ space, busy, ask, warm }) {
  const { name, hits, misses, ratio, keys, ttlS, kind, warmer } = space;
  return html`<tr data-keyspace=${name}>
    <th scope="row">
      <code>${name}</code>${" "}
      <span class="hint">${kind === "view" ? "view" : `loaded ahead: ${warmer}`}</span>
    </th>
    <td class="number" data-th="Hits" data-field="hits" data-value=${hits}>${count(hits)}</td>
    <td class="number" data-th="Misses" data-field="misses" data-value=${misses}>${count(misses)}</td>
    <td class="number" data-th="Hit ratio" data-field="ratio" data-value=${ratio ?? ""}>${percent(ratio)}</td>
    <td class="number" data-th="Keys" data-field="keys" data-value=${keys ?? ""}>${count(keys)}</td>
    <td class="number" data-th="TTL" data-field="ttlS" data-value=${ttlS}>${chosen(ttlS)}</td>
    <td class="keyspace-actions">
      ${space.canForget
        ? html`<${Act} name=${name} word="Invalidate" busy=${busy} onClick=${() => ask(name)} />`
        : html`<span class="hint">Kept by the projector</span>`}
      ${space.canWarm && html`<${Act} name=${name} word="Warm" busy=${busy} onClick=${() => warm(name)} />`}
    </td>
  </tr>`;
}

function Act({ name, word, busy, onClick }) {
  return html`<button type="button" class="button small" disabled=${busy !== null} onClick=${onClick}>
    ${busy === name && word === "Warm" ? "Loading…" : word}
    <span class="visually-hidden">${sentence(name)}</span>
  </button>`;
}

const MEANINGS = [
  ["Hits and misses", "Reads of this keyspace that were answered from memory or Redis, and that had to ask MongoDB, in this process since it began."],
  ["Hit ratio", `Hits of hits and misses; ${UNKNOWN} before the first read.`],
  ["Keys", `Entries in Redis now, of every process; ${UNKNOWN} while it does not answer.`],
  ["TTL", "How long an entry is kept at most. What changes is forgotten at once, long before."],
  ["Invalidate", "Makes every entry unusable, in every process: the next read asks MongoDB."],
  ["Warm", "Loads what people are likely to ask for, where it is not there yet."],
];

function Meanings() {
  return html`<details class="meanings panel-body">
    <summary>What the columns mean</summary>
    <dl>
      ${MEANINGS.map(([term, words]) => html`<div key=${term}><dt>${term}</dt><dd>${words}</dd></div>`)}
    </dl>
  </details>`;
}

function Confirm({ name, onYes, onNo }) {
  return html`<${Dialog} id="confirm" title=${`Invalidate ${name}?`} onClose=${onNo} testid="confirm">
    <p>Every kept entry becomes unusable, in every process. Nothing is lost: the next reads ask MongoDB, and are slower.</p>
    <p class="dialog-actions">
      <button type="button" class="button" onClick=${onNo}>Cancel</button>
      <button type="button" class="button primary" onClick=${onYes}>Invalidate</button>
    </p>
  <//>`;
}
