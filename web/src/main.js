/** Puts the page together: the only place that knows both the browser and the board. */

import { computed, effect, untracked } from "@preact/signals";
import { render } from "preact";

import { Address } from "./address.js";
import { makeApi } from "./api.js";
import { Board } from "./board.js";
import { Feed } from "./feed.js";
import { Reads } from "./reads.js";
import { Socket } from "./socket.js";
import { pageName } from "./store/route.js";
import { App } from "./views/app.js";
import { html } from "./views/html.js";
import { makeStatusLine } from "./views/status_line.js";
import { applyTheme } from "./views/theme.js";

// A hidden page gets no frames: it is then kept up to date now and then, for its title.
const HIDDEN_FRAME_MS = 1_000;

// Nobody reads faster than this: between two paints of data, frames belong to scrolling. The
// first change after a quiet moment is painted with the very next frame.
const PAINT_INTERVAL_MS = 100;

let paintedAt = -Infinity;

function onNextFrame(paint) {
  if (document.hidden) {
    setTimeout(paint, HIDDEN_FRAME_MS);
    return;
  }
  const inFrame = () =>
    requestAnimationFrame(() => {
      paintedAt = performance.now();
      paint();
    });
  const waitMs = paintedAt + PAINT_INTERVAL_MS - performance.now();
  if (waitMs > 0) setTimeout(inFrame, waitMs);
  else inFrame();
}

function connect() {
  const { origin } = location;
  return new Socket({ origin, WebSocket, fetch: (...request) => fetch(...request) });
}

/** Tick on the full second of the server, so that all timers change together. */
function keepTicking(board) {
  board.tick();
  document.title = titleOf(board);
  setTimeout(() => keepTicking(board), 1_000 - (board.clock.now() % 1_000) + 5);
}

function titleOf(board) {
  const live = board.live.value;
  if (board.connection.value.state !== "live" || !live) return "callboard";
  return `${live.length} live · callboard`;
}

/** Return the token of a one-time link, null when the address has none. */
function linkIn(hash) {
  return new URLSearchParams(hash.slice(1)).get("link");
}

applyTheme();
const link = linkIn(location.hash);
// Neither the history nor a bookmark keeps it.
if (link) history.replaceState(null, "", `${location.pathname}${location.search}`);
const address = new Address(window);
const board = new Board({ onNextFrame, address });
const ask = makeApi((...request) => fetch(...request));
const feed = new Feed({
  board,
  ask,
  connect,
  later: (action, ms) => setTimeout(action, ms),
  cancel: (timer) => clearTimeout(timer),
});
const reads = new Reads({
  board,
  ask,
  feed,
  later: (action, ms) => setTimeout(action, ms),
  cancel: (timer) => clearTimeout(timer),
  hidden: () => document.hidden,
});
const page = { board, feed, ask, address, reads };

// What stood still while nobody looked, or while nothing came, is read again at once.
document.addEventListener("visibilitychange", () => document.hidden || reads.again());
const WORTH_READING = new Set(["connecting", "live"]);
const signedIn = computed(() => board.session.value !== null);
effect(() => {
  const { state } = board.connection.value;
  const moves = board.pausedAt.value === null;
  if (state === "signed-out") reads.forget();
  else if (signedIn.value && moves && WORTH_READING.has(state)) untracked(() => reads.again());
});
// The server learns which screen follows which, and has the next one ready.
effect(() => {
  const { screen, id } = address.route.value;
  const named = pageName({ screen, id });
  untracked(() => feed.looksAt(named));
});
addEventListener("online", () => feed.retryNow());
// Pasted into an open board: only a new page begins with it.
addEventListener("hashchange", () => linkIn(location.hash) && location.reload());
const line = makeStatusLine(board);
render(html`<${App} page=${page} line=${line} />`, document.getElementById("app"));
keepTicking(board);
if (link) feed.startWith(link);
else feed.start();
