/** The wall: a few figures for a room, page after page, with no frame around them. */

import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { useRead } from "../reads.js";
import { firingFirst } from "../store/alerts.js";
import { pageAt, readWall } from "../store/wall.js";
import { ALERTS_EVERY_MS, ALERTS_PATH } from "../views/bell.js";
import { HoursChart, useHours } from "../views/hours.js";
import { html } from "../views/html.js";
import { Campaigns } from "./wall/campaigns.js";
import { Controls, useAwake, useWakeLock } from "./wall/controls.js";
import { Figures } from "./wall/figures.js";
import { Alarm, Stale } from "./wall/state.js";

const PAGES = {
  figures: { title: "Now", View: Figures },
  campaigns: { title: "Running campaigns", View: Campaigns },
  hours: { title: "Calls by hour", View: Hours },
};

export function WallScreen({ page }) {
  const { board, address } = page;
  const wall = useComputed(() => readWall(address.route.value.query)).value;
  const steps = useSignal(0);
  const since = useSignal(board.wall.peek());
  const shown = useComputed(() => {
    const turns = readWall(address.route.value.query);
    return pageAt(turns, Math.max(0, board.wall.value - since.value), steps.value);
  });
  const awake = useAwake();
  useWakeLock();
  // A wall that stands still because somebody paused another screen would be a lie.
  useEffect(() => board.resume(), []);
  const { data } = useRead(page, ALERTS_PATH, ALERTS_EVERY_MS);
  const firing = data?.firing ?? [];
  const edge = firingFirst(firing)[0]?.severity ?? "none";
  const { title, View } = PAGES[shown.value];
  const next = () => (steps.value += 1);
  // The first page is simply there; those that take turns fade in.
  const first = useRef(shown.value);
  if (shown.value !== first.current) first.current = null;
  const fades = first.current === null ? "wall-page is-turned" : "wall-page";
  return html`<main
    id="main"
    class=${`wall${awake ? " is-awake" : ""}${board.connection.value.state === "live" ? "" : " is-stale"}`}
    aria-label="Wall"
    data-screen="wall"
    data-page=${shown.value}
    data-edge=${edge}
  >
    <header class="wall-head">
      <h1>${title}</h1>
      <${Clock} board=${board} />
      <${Controls} page=${page} wall=${wall} onNext=${next} />
    </header>
    <${Stale} board=${board} />
    <${Alarm} firing=${firing} />
    <div class=${fades} key=${shown.value}><${View} page=${page} /></div>
  </main>`;
}

function Clock({ board }) {
  const { time } = board.zone.value;
  return html`<span class="wall-clock-time">${time(board.wall.value).slice(0, 5)}</span>`;
}

function Hours({ page }) {
  const { columns, words } = useHours(page);
  if (!columns) return html`<p class="wall-empty">Loading the hours…</p>`;
  return html`<div class="wall-hours">
    <${HoursChart} page=${page} columns=${columns} />
    ${words.map((text) => html`<p key=${text} class="wall-small">${text}</p>`)}
  </div>`;
}
