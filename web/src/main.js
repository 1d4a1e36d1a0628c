/** Puts the page together: the only place that knows both the browser and the board. */

import { render } from "preact";
import { io } from "socket.io-client";

import { makeApi } from "./api.js";
import { Board } from "./board.js";
import { Feed } from "./feed.js";
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
  return io({
    // The socket first, long polling where something in between forbids it.
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    reconnectionDelay: 500,
    reconnectionDelayMax: 5_000,
    timeout: 8_000,
    forceNew: true, // a manager that was closed by signing out is not used again
  });
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
const board = new Board({ onNextFrame, search: location.search });
const feed = new Feed({
  board,
  ask: makeApi((...request) => fetch(...request)),
  connect,
  later: (action, ms) => setTimeout(action, ms),
  cancel: (timer) => clearTimeout(timer),
});
board.followAddress((query) => {
  history.replaceState(null, "", `${location.pathname}${query}${location.hash}`);
});
addEventListener("online", () => feed.retryNow());
// Pasted into an open board: only a new page begins with it.
addEventListener("hashchange", () => linkIn(location.hash) && location.reload());
const line = makeStatusLine(board);
render(html`<${App} board=${board} feed=${feed} line=${line} />`, document.getElementById("app"));
keepTicking(board);
if (link) feed.startWith(link);
else feed.start();
