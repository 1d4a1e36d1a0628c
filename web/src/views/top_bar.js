/** The bar on top: who we are, whether what is shown is true, and what time it is there. */

import { ago } from "../store/format.js";
import { AlertsBell } from "./bell.js";
import { Feeds } from "./feeds.js";
import { html } from "./html.js";
import { Icon, Mark } from "./icons.js";
import { Search } from "./search.js";
import { nextTheme, theme } from "./theme.js";

const WORDS = {
  connecting: "Connecting…",
  live: "Live",
  reconnecting: "Reconnecting…",
  offline: "Server unreachable",
  "signed-out": "Signed out",
};

const THEME_WORDS = { system: "as the system", light: "light", dark: "dark" };

export function TopBar({ page }) {
  const { board, feed } = page;
  const session = board.session.value;
  return html`<header class="top-bar">
    <h1 class="wordmark"><${Mark} /><span>callboard</span></h1>
    <${Connection} board=${board} />
    ${session && html`<${Feeds} page=${page} />`}
    <div class="top-bar-end">
      ${session && html`<${Search} page=${page} />`}
      ${session && html`<${WallClock} board=${board} />`}
      ${session && html`<${Pause} board=${board} />`}
      ${session && html`<${AlertsBell} page=${page} />`}
      <button
        type="button"
        class="button quiet"
        title=${`Theme: ${THEME_WORDS[theme.value]}`}
        onClick=${nextTheme}
      >
        <${Icon} name=${theme.value} />
        <span class="visually-hidden">Theme: ${THEME_WORDS[theme.value]}. Change</span>
      </button>
      ${session?.auth === "on" &&
      html`<button
        type="button"
        class="button quiet"
        title=${`Signed in as ${session.name}`}
        onClick=${() => feed.signOut()}
      >
        <${Icon} name="leave" /><span class="wide-only">Sign out</span>
        <span class="visually-hidden narrow-only">Sign out</span>
      </button>`}
    </div>
  </header>`;
}

function Connection({ board }) {
  const { state } = board.connection.value;
  return html`<div class="connection" data-testid="connection" data-state=${state}>
    <span class="lamp" aria-hidden="true"></span>
    <span class="connection-word">${WORDS[state]}</span>
    <${DataAge} board=${board} />
  </div>`;
}

function DataAge({ board }) {
  const { state } = board.connection.value;
  const changedAt = board.changedAt.value;
  if (changedAt === null || state === "signed-out") return null;
  const words = state === "live" ? "last change" : "last update";
  const age = ago(board.wall.value - changedAt);
  return html`<span class="data-age" data-testid="data-age">${words} ${age}</span>`;
}

function WallClock({ board }) {
  const { zone, time } = board.zone.value;
  return html`<div class="wall-clock" title="The server's clock in the reporting timezone">
    <span class="clock-time">${time(board.wall.value)}</span>
    <span class="clock-zone">${zone.replaceAll("_", " ")}</span>
  </div>`;
}

function Pause({ board }) {
  const paused = board.pausedAt.value !== null;
  const flip = () => (paused ? board.resume() : board.pause());
  return html`<button
    type="button"
    class="button quiet"
    aria-pressed=${String(paused)}
    title=${paused ? "Let the board move again" : "Hold the board still; nothing is missed"}
    onClick=${flip}
  >
    <${Icon} name=${paused ? "resume" : "pause"} /><span class="wide-only">Pause</span>
    <span class="visually-hidden narrow-only">Pause</span>
  </button>`;
}

/** One line under the bar whenever the board does not show the present. */
export function Notice({ board, feed }) {
  const { state, since } = board.connection.value;
  const { time } = board.zone.value;
  const pausedAt = board.pausedAt.value;
  if (state === "reconnecting" || (state === "offline" && board.live.value)) {
    const what =
      state === "offline" ? "The server has not answered since" : "The connection was lost at";
    return html`<aside aria-label="Notice" class="notice notice-bad">
      <${Icon} name="alert" />
      <span>${what} ${time(since)}. What you see is old; trying again by itself.</span>
      <button type="button" class="button small" onClick=${() => feed.retryNow()}>Try now</button>
    </aside>`;
  }
  if (pausedAt === null) return null;
  return html`<aside aria-label="Notice" class="notice">
    <${Icon} name="pause" />
    <span>Paused at ${time(pausedAt)}. Updates are kept and shown when you resume.</span>
    <button type="button" class="button small" onClick=${() => board.resume()}>Resume</button>
  </aside>`;
}
