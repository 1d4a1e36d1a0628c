/** What may be asked of the calls, and what is asked: the address holds all of it. */

import { useSignal } from "@preact/signals";

import { CALL_STATUSES, filterWords, OUTCOMES, toggled } from "../../store/call_query.js";
import { instantOf, localText } from "../../store/local_time.js";
import { nameOfRange, RANGES, rangeOf } from "../../store/ranges.js";
import { asNumber } from "../../store/search.js";
import { describe, sentence } from "../../store/statuses.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";

const OLDEST = Date.UTC(2000);
const MORE = ["direction", "outcome", "success", "conversation", "sip", "min", "max"];

export function Filters({ page, filter, ignored }) {
  const set = (changes) => page.address.set(changes);
  // On a phone the calls come first: all but the quickest filters are a tap away.
  const open = useSignal(false);
  const all = `filters-all${open.value ? " is-open" : ""}`;
  return html`<section class="panel call-filters" aria-label="Filters" data-testid="call-filters">
    <${Ranges} page=${page} filter=${filter} set=${set} />
    <div class="filters-toggle">
      <button
        type="button"
        class="button small"
        aria-expanded=${String(open.value)}
        onClick=${() => (open.value = !open.value)}
      >
        ${open.value ? "Fewer filters" : "Filters"}
      </button>
    </div>
    <div class=${all}>
      <${States} filter=${filter} set=${set} />
      <${Fields} page=${page} filter=${filter} set=${set} />
    </div>
    <${Asked} page=${page} filter=${filter} set=${set} />
    ${ignored.length > 0 &&
    html`<p class="panel-problem" data-testid="ignored" data-value=${ignored.join("&")}>
      <${Icon} name="alert" /> Ignored, because it makes no sense here:${" "}
      <code>${ignored.join(" ")}</code>
    </p>`}
  </section>`;
}

function Ranges({ page, filter, set }) {
  const { zone } = page.board.zone.value;
  const now = page.board.wall.value;
  const named = nameOfRange(filter, now, zone);
  const pick = (name) => set(rangeOf(named === name ? null : name, page.board.clock.now(), zone));
  return html`<div class="filter-row">
    <div class="chips" role="group" aria-label="Started">
      ${RANGES.map(
        ({ name, words }) => html`<button
          key=${name}
          type="button"
          class="chip"
          aria-pressed=${String(named === name)}
          data-range=${name}
          onClick=${() => pick(name)}
        >
          ${words}
        </button>`,
      )}
    </div>
  </div>`;
}

function Instant({ name, label, zone, value, set }) {
  const change = (event) => {
    const at = instantOf(event.target.value, zone);
    // Of a year that is still being typed there are only the last digits.
    if (at !== null && at >= OLDEST) set({ [name]: new Date(at).toISOString() });
    else if (event.type === "blur") set({ [name]: null });
  };
  return html`<label class="field" title=${zone}>
    ${label}
    <input
      type="datetime-local"
      name=${name}
      aria-description=${zone}
      value=${value ? localText(Date.parse(value), zone) : ""}
      onChange=${change}
      onBlur=${(event) => event.target.value === "" && value !== null && change(event)}
    />
  </label>`;
}

function States({ filter, set }) {
  const flip = (status) => set({ status: toggled(filter.status, status).join(",") || null });
  return html`<div class="chips filter-row" role="group" aria-label="State">
    ${CALL_STATUSES.map((status) => {
      const { word, icon, tone } = describe(status);
      return html`<button
        key=${status}
        type="button"
        class="chip tone-${tone}"
        aria-pressed=${String(filter.status.includes(status))}
        data-chip=${status}
        onClick=${() => flip(status)}
      >
        <${Icon} name=${icon} />${word}
      </button>`;
    })}
  </div>`;
}

function Fields({ page, filter, set }) {
  const { zone } = page.board.zone.value;
  const campaigns = page.board.campaigns.value ?? [];
  const names = campaigns.map(({ campaignId, name }) => [campaignId, name]);
  const outcomes = OUTCOMES.map((outcome) => [outcome, sentence(outcome)]);
  const isAsked = MORE.some((name) => filter[name] !== null);
  const field = { filter, set };
  return html`<div class="filter-row">
      <${Instant} name="since" label="From" zone=${zone} value=${filter.since} set=${set} />
      <${Instant} name="until" label="Before" zone=${zone} value=${filter.until} set=${set} />
      <${Choice} ...${field} name="campaign" label="Campaign" options=${names} />
      <${Text} ...${field} name="number" label="Number" read=${asNumber} hint="+34 600 000 001" />
    </div>
    <details class="filter-more" open=${isAsked}>
      <summary>More filters</summary>
      <div class="filter-row">
        <${Choice} ...${field} name="outcome" label="Outcome" options=${outcomes} />
        <${Choice} ...${field} name="direction" label="Direction" options=${DIRECTIONS} />
        <${Choice} ...${field} name="success" label="Goal" options=${GOALS} />
        <${Text} ...${field} name="sip" label="SIP code" hint="486" digits />
        <${Text} ...${field} name="min" label="Talked at least" hint="seconds" digits />
        <${Text} ...${field} name="max" label="Talked less than" hint="seconds" digits />
        <${Text} ...${field} name="conversation" label="Conversation" hint="conv_…" />
      </div>
    </details>`;
}

const DIRECTIONS = [["outbound", "Outbound"], ["inbound", "Inbound"]];
const GOALS = [["true", "Met"], ["false", "Missed"]];

function Choice({ filter, set, name, label, options }) {
  const value = filter[name] === null ? "" : String(filter[name]);
  // What the address asks for is among the choices, also when nobody else has heard of it.
  const isKnown = value === "" || options.some(([option]) => option === value);
  const all = isKnown ? options : [...options, [value, value]];
  return html`<label class="field">
    ${label}
    <select name=${name} value=${value} onChange=${(event) => set({ [name]: event.target.value || null })}>
      <option value="">any</option>
      ${all.map(
        ([option, words]) =>
          html`<option key=${option} value=${option} selected=${option === value}>${words}</option>`,
      )}
    </select>
  </label>`;
}

function Text({ filter, set, name, label, hint, digits = false, read = (text) => text }) {
  const change = (event) => set({ [name]: read(event.target.value.trim()) || null });
  return html`<label class="field">
    ${label}
    <input
      type="text"
      name=${name}
      class=${digits ? "is-short" : ""}
      inputmode=${digits ? "numeric" : null}
      pattern=${digits ? "\\d{1,6}" : null}
      placeholder=${hint}
      autocomplete="off"
      spellcheck=${false}
      value=${filter[name] ?? ""}
      onChange=${change}
    />
  </label>`;
}

function Asked({ page, filter, set }) {
  const { board } = page;
  const { zone, moment } = board.zone.value;
  const now = board.wall.value;
  const words = { campaignName: board.campaignName, moment: (at) => moment(at, now) };
  const range = RANGES.find(({ name }) => name === nameOfRange(filter, now, zone));
  let chips = filterWords(filter, words);
  if (range) {
    const without = { since: null, until: null };
    chips = chips.filter(({ name }) => !(name in without));
    chips.push({ name: "range", words: range.words, without });
  }
  if (chips.length === 0) return null;
  const names = chips.flatMap(({ without }) => Object.keys(without));
  const all = Object.fromEntries(names.map((name) => [name, null]));
  return html`<div class="chips filter-row asked" role="group" aria-label="Filters in force">
    ${chips.map(
      (chip) => html`<button
        key=${chip.name}
        type="button"
        class="chip"
        data-asked=${chip.name}
        onClick=${() => set(chip.without)}
      >
        <span class="visually-hidden">Remove filter:</span> ${chip.words} <${Icon} name="close" />
      </button>`,
    )}
    <button type="button" class="button small quiet" onClick=${() => set(all)}>Clear all</button>
  </div>`;
}
