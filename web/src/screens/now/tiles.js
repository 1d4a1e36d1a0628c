/** The figures of the day. Each says what it counts; what cannot be known is a dash. */

import { useRead } from "../../reads.js";
import { FAILED_STATUSES } from "../../store/causes.js";
import { count, percent, span } from "../../store/format.js";
import { hrefOf } from "../../store/route.js";
import { countByStatus } from "../../store/rows.js";
import { amountsWords, costOfPeriod, humanShares } from "../../store/today.js";
import { SYSTEM_EVERY_MS, SYSTEM_PATH } from "../../views/feeds.js";
import { html } from "../../views/html.js";
import { Spark } from "../../views/spark.js";
import { Stat } from "../../views/stat.js";
import { useToday } from "../../views/today.js";

// Of fewer a share is mostly chance.
const SAMPLE_MIN = 30;
const NEARLY_FULL = 0.8;
const PEAKS_EVERY_MS = 60_000;
const MINUTE_MS = 60_000;

export function Tiles({ page }) {
  const { board } = page;
  const known = board.summary.value !== null;
  const problem = board.problems.value.summary;
  return html`<section aria-labelledby="today-title">
    <h2 id="today-title" class="visually-hidden">Today</h2>
    <dl class="tiles now-tiles" aria-busy=${String(!known && !problem)}>
      <${LiveNow} page=${page} />
      <${Pace} page=${page} />
      <${Funnel} page=${page} />
      <${HumanRate} page=${page} />
      <${Unsuccessful} page=${page} />
      <${Cost} page=${page} />
    </dl>
    <dl class="tiles now-more"><${More} page=${page} /></dl>
    ${problem && html`<p class="panel-problem">Today's figures: ${problem}. Trying again.</p>`}
  </section>`;
}

/** Today's summary, and what its tiles have in common. */
function useSummary({ board }) {
  const summary = board.summary.value;
  const { since, zone } = useToday(board);
  const told = (definition, share) => ({
    definition,
    share,
    window: `today, ${zone}`,
    at: board.changedAt.peek(),
  });
  const calls = (query) => hrefOf("calls", { query: { ...query, since } });
  return { summary: summary ?? {}, loading: summary === null, told, calls };
}

function LiveNow({ page }) {
  const { board } = page;
  const { summary, loading } = useSummary(page);
  const { day } = useToday(board);
  const { data: system } = useRead(page, SYSTEM_PATH, SYSTEM_EVERY_MS);
  const { data: peaks } = useRead(page, `/api/analytics/concurrency?day=${day}`, PEAKS_EVERY_MS);
  const live = board.live.value;
  // The table's own count once it is there: tile and table must never disagree.
  const active = live ? live.length : summary.activeCalls;
  const limit = system?.limits?.concurrency ?? null;
  const { peak, at } = summary.concurrency ?? {};
  const { time } = board.zone.value;
  const words = [
    limit !== null && `of ${count(limit)}${fullWords(active, limit)}`,
    peak && `peak ${count(peak)}${at ? ` at ${time(Date.parse(at)).slice(0, 5)}` : ""}`,
    limit === null && live && talking(live),
  ];
  return html`<${Stat}
    board=${board}
    name="activeCalls"
    label="Live now"
    value=${active}
    text=${count(active)}
    small=${words.filter(Boolean).join(" · ")}
    href=${hrefOf("live")}
    tone=${toneOf(active, limit)}
    loading=${loading}
    explain=${{
      definition:
        "Calls that are dialing, ringing or in progress at this moment, against the limit of " +
        "calls at one time (CALLBOARD_CONCURRENCY). The peak is the exact most at one time " +
        "today.",
      share: limit === null ? null : [active ?? null, limit],
      at: board.changedAt.peek(),
    }}
  >
    ${peaks?.quarters &&
    html`<${Spark}
      values=${peaks.quarters.map((quarter) => quarter.peak)}
      what="Most calls at one time, by quarter of an hour"
      format=${count}
      nameAt=${(place) => `at ${time(Date.parse(peaks.quarters[place].at)).slice(0, 5)}`}
    />`}
  <//>`;
}

function Pace({ page }) {
  const { board } = page;
  const { summary, loading } = useSummary(page);
  const { data, at, loading: waits } = useRead(page, SYSTEM_PATH, SYSTEM_EVERY_MS);
  const value = data?.attemptsLastMinute ?? null;
  const perS = data?.limits?.callsPerS ?? null;
  const most = perS === null ? null : perS * 60;
  const since = at === null ? null : new Date(at - MINUTE_MS).toISOString();
  return html`<${Stat}
    board=${board}
    name="callsPerMinute"
    label="Calls a minute"
    value=${value}
    text=${count(value)}
    small=${most === null ? "" : `of ${count(most)}${fullWords(value, most)} · CPS ${count(perS)}`}
    href=${hrefOf("calls", { query: { direction: "outbound", since } })}
    tone=${toneOf(value, most)}
    loading=${loading && waits}
    explain=${{
      definition:
        "Calls we placed in the last 60 seconds, against what the account may begin (calls " +
        "per second, CALLBOARD_CALLS_PER_S).",
      share: value === null || most === null ? null : [value, most],
      window: "the last minute; bars: today by hour",
      at,
    }}
  >
    ${hourSpark(summary.attemptsByHour, "Attempts by hour", count)}
  <//>`;
}

function Funnel({ page }) {
  const { summary, loading, told, calls } = useSummary(page);
  const { attempts, human } = summary.contact ?? {};
  const success = summary.evaluation?.success;
  const steps = [
    { field: "attempts", word: "attempts", value: attempts, query: { direction: "outbound" } },
    { field: "human", word: "human", value: human, query: { direction: "outbound", outcome: "human" } },
    { field: "success", word: "success", value: success, query: { success: "true" } },
  ];
  const shown = steps.map(
    ({ field, word, value, query }, at) => html`${at > 0 && html`<i aria-hidden="true">→</i>`}
      <a key=${field} data-field=${field} data-value=${value ?? ""} href=${calls(query)}>
        <b>${count(value)}</b> <span class="funnel-word">${word}</span>
      </a>`,
  );
  return html`<${Stat}
    board=${page.board}
    name="funnel"
    label="Funnel today"
    value=${attempts}
    text=${html`<span class="funnel">${shown}</span>`}
    small=${attempts ? `${percent((100 * success) / attempts)} of attempts succeed` : ""}
    loading=${loading}
    explain=${told(
      "Calls we placed that left the queue, those a person answered, and conversations that " +
      "ElevenLabs judged a success.",
      attempts === undefined ? null : [success, attempts],
    )}
  >
    ${hourSpark(summary.byHour, "Calls by hour", count)}
  <//>`;
}

function HumanRate({ page }) {
  const { summary, loading, told, calls } = useSummary(page);
  const { numerator, denominator, value } = summary.rates?.human ?? {};
  const few = denominator > 0 && denominator < SAMPLE_MIN ? ", few" : "";
  const shares = humanShares(summary.humanByHour, summary.attemptsByHour);
  return html`<${Stat}
    board=${page.board}
    name="humanRate"
    label="Human answer rate"
    value=${value}
    text=${percent(value)}
    small=${denominator
      ? `${count(numerator)} of ${count(denominator)} attempts${few}`
      : "no attempt yet"}
    href=${calls({ direction: "outbound", outcome: "human" })}
    loading=${loading}
    explain=${told(
      "Calls that a person answered, of the calls we placed that left the queue. Voicemail " +
      "is no person. Below 30 attempts it is mostly chance.",
      denominator === undefined ? null : [numerator, denominator],
    )}
  >
    ${hourSpark(shares, "Human answer rate by hour", percent)}
  <//>`;
}

function Unsuccessful({ page }) {
  const { summary, loading, told, calls } = useSummary(page);
  const { failedCalls: failed, completedCalls: completed } = summary;
  return html`<${Stat}
    board=${page.board}
    name="failedCalls"
    label="Unsuccessful"
    value=${failed}
    text=${count(failed)}
    small=${failureSplit(summary.byStatus ?? {})}
    href=${calls({ status: FAILED_STATUSES.join(",") })}
    loading=${loading}
    explain=${told(
      "Calls of today that ended busy, without answer, failed or canceled, of all that ended.",
      failed === undefined ? null : [failed, failed + completed],
    )}
  />`;
}

function Cost({ page }) {
  const { summary, loading, told, calls } = useSummary(page);
  const cost = costOfPeriod(summary.cost);
  const text = amountsWords(cost?.amounts);
  const each = amountsWords(cost?.amounts, summary.evaluation?.success);
  const credits = cost && cost.credits !== null ? `${count(Math.round(cost.credits))} credits` : null;
  const words = [each && `${each} per success`, text && credits].filter(Boolean);
  return html`<${Stat}
    board=${page.board}
    name="cost"
    label="Cost today"
    value=${cost && (cost.amounts.map(([unit, amount]) => `${amount} ${unit}`).join(";") || cost.credits)}
    text=${text ?? credits ?? "—"}
    small=${words.join(" · ") || (loading || cost ? "" : "no price told yet")}
    href=${calls({})}
    loading=${loading}
    explain=${told(
      "What both vendors have told of today's calls so far; Twilio tells prices late. " +
      "Currencies are never added up, and credits are no money. Per success: all of it, " +
      "divided by today's successes.",
    )}
  />`;
}

/** The figures that the first six do not hold. */
function More({ page }) {
  const { summary, loading, told, calls } = useSummary(page);
  const { completedCalls: completed, failedCalls: failed, byDirection } = summary;
  const ended = completed === undefined ? undefined : completed + failed;
  const common = { board: page.board, loading };
  return html`
    <${Stat}
      ...${common}
      name="totalCalls"
      label="Calls today"
      value=${summary.totalCalls}
      text=${count(summary.totalCalls)}
      small=${byDirection && `${count(byDirection.outbound ?? 0)} out · ${count(byDirection.inbound ?? 0)} in`}
      href=${calls({})}
      explain=${told("Calls that began today, in the reporting timezone, live ones included.")}
    />
    <${Stat}
      ...${common}
      name="completedCalls"
      label="Completed"
      value=${completed}
      text=${count(completed)}
      small="answered and ended"
      href=${calls({ status: "completed" })}
      explain=${told("Calls of today that were answered and ended as completed.")}
    />
    <${Stat}
      ...${common}
      name="successRate"
      label="Completion rate"
      value=${summary.successRate}
      text=${percent(summary.successRate)}
      small=${endedSplit(completed, ended)}
      href=${calls({ status: "completed" })}
      explain=${told(
        "Completed calls of all calls of today that ended.",
        ended === undefined ? null : [completed, ended],
      )}
    />
    <${Stat}
      ...${common}
      name="averageDuration"
      label="Average talk time"
      value=${summary.averageDuration}
      text=${span(summary.averageDuration)}
      small=${summary.totalDuration ? `${span(summary.totalDuration)} in all` : ""}
      href=${calls({ status: "completed" })}
      explain=${told("Talk time of today's completed calls, divided by their number.")}
    />
  `;
}

function hourSpark(values, what, format) {
  const nameAt = (hour) => `at ${String(hour).padStart(2, "0")}:00`;
  return values && html`<${Spark} values=${values} what=${what} format=${format} nameAt=${nameAt} />`;
}

/** No red: being full is no fault, and lasts but a moment. */
function toneOf(value, most) {
  return most && value >= most ? "warn" : null;
}

/** Colour never stands alone. */
function fullWords(value, most) {
  if (toneOf(value, most)) return ", full";
  return value >= most * NEARLY_FULL ? ", nearly full" : "";
}

function talking(live) {
  const counts = countByStatus(live);
  return live.length ? `${count(counts["in-progress"])} talking` : "";
}

function endedSplit(completed, ended) {
  if (ended === undefined) return "";
  return ended ? `${count(completed)} of ${count(ended)} ended` : "none ended yet";
}

function failureSplit(byStatus) {
  const parts = [
    [byStatus["no-answer"], "no answer"],
    [byStatus.busy, "busy"],
    [byStatus.failed, "failed"],
    [byStatus.canceled, "canceled"],
  ];
  const told = parts.filter(([calls]) => calls).sort(([a], [b]) => b - a);
  return told.map(([calls, word]) => `${count(calls)} ${word}`).join(" · ");
}
