/** The server's figures: what carries the data, how far it is behind, who looks at it. */

import { ago, count, percent, UNKNOWN } from "../../store/format.js";
import { briefly, engineWords, lagTone } from "../../store/system.js";
import { html } from "../../views/html.js";
import { Stat } from "../../views/stat.js";

export function Figures({ board, system, at }) {
  return html`<section aria-labelledby="server-title">
    <h2 id="server-title" class="visually-hidden">Server</h2>
    <dl class="tiles system-tiles">
      ${[...engines(system), ...data(system), ...readers(system), ...calls(system)].map(
        ({ definition, ...tile }) =>
          html`<${Stat} key=${tile.name} board=${board} ...${tile} explain=${{ definition, at }} />`,
      )}
      <${Warmed} board=${board} warming=${system.warming} at=${at} />
    </dl>
  </section>`;
}

function engines({ redis, mongodb }) {
  return [
    engine("mongodb", "MongoDB", mongodb, "It keeps every webhook and call. While it is down, webhooks get 503 and the vendors send them again."),
    engine("redis", "Redis", redis, "It carries the views and the cache. While it is down, reads go to MongoDB and boards get no updates."),
  ];
}

function engine(name, label, part, definition) {
  const { up, word, tone } = engineWords(part);
  return { name, label, definition, value: up, text: word, tone };
}

function data({ projector, stalenessBoundS }) {
  const { lagS = null, drift = null } = projector ?? {};
  return [
    {
      name: "staleness",
      label: "Behind at most",
      value: stalenessBoundS,
      text: briefly(stalenessBoundS),
      small: "of the oldest view",
      definition: "How far the view that is furthest behind may lag what is stored.",
    },
    {
      name: "lag",
      label: "Projector's lag",
      value: lagS,
      text: briefly(lagS),
      tone: lagTone(lagS),
      small: "stored, not yet counted",
      definition: "How old the newest stored change is that is not in the figures yet.",
    },
    {
      name: "drift",
      label: "Drift",
      value: drift,
      text: count(drift),
      tone: drift > 0 ? "bad" : null,
      small: "documents put right",
      definition: "Figures that differed from the calls when they were counted anew last. They were put right; any is a bug, or somebody wrote to the database.",
    },
  ];
}

function readers({ sockets, cache }) {
  const { enabled = null, hitRatio = null, notModifiedRatio = null } = cache ?? {};
  return [
    {
      name: "sockets",
      label: "Boards connected",
      value: sockets?.connected,
      text: count(sockets?.connected),
      small: "to this process",
      definition: "Sockets that are open now: one for each open page or program, this page too.",
    },
    {
      name: "hitRatio",
      label: "Cache hits",
      value: hitRatio,
      text: percent(hitRatio),
      small: enabled === false ? "the cache is switched off" : "of cached reads",
      definition: "Reads that were answered without MongoDB, of all reads that may be kept, since the process began.",
    },
    {
      name: "notModifiedRatio",
      label: "Answered by 304",
      value: notModifiedRatio,
      text: percent(notModifiedRatio),
      small: "no body sent",
      definition: "Reads that were answered with 304: who asked had the newest already. Of all reads with an ETag, since the process began.",
    },
  ];
}

function calls({ attemptsLastMinute, limits }) {
  const { callsPerS = null, concurrency = null } = limits ?? {};
  const most = callsPerS === null ? "limit unknown" : `at most ${count(callsPerS * 60)} by CPS`;
  const lines = concurrency === null ? "" : ` · ${count(concurrency)} lines`;
  return [
    {
      name: "attemptsLastMinute",
      label: "Calls begun",
      value: attemptsLastMinute,
      text: count(attemptsLastMinute),
      small: `${most}${lines}`,
      definition: "Outbound calls that began dialing in the last 60 seconds. The limits are those of CALLBOARD_CALLS_PER_S and CALLBOARD_CONCURRENCY.",
    },
  ];
}

function Warmed({ board, warming, at }) {
  const { enabled = null, lastAt = null } = warming ?? {};
  const text = lastAt === null ? UNKNOWN : ago(board.wall.value - Date.parse(lastAt));
  return html`<${Stat}
    board=${board}
    name="warming"
    label="Loaded ahead"
    value=${lastAt}
    text=${text}
    small=${enabled === false ? "switched off" : enabled ? "switched on" : ""}
    explain=${{ definition: "When something was last loaded into the cache before anybody asked for it.", at }}
  />`;
}
