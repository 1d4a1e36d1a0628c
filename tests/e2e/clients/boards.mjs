// Many official Socket.IO clients, each keeping a board by the contract's rules while its
// connection is cut at random; counts what breaks them.
// usage: node boards.mjs URL '{"token", "clients", "seed", "goOn"}'
// Lines on standard input: "calm" ends the cuts, "report" writes one JSON line and ends.
import { createRequire } from "node:module";
import process from "node:process";

const require = createRequire(new URL("../../../web/package.json", import.meta.url));
const { io } = require("socket.io-client");

const [url, text] = process.argv.slice(2);
const options = JSON.parse(text);
const LIVE = new Set(["initiated", "ringing", "in-progress"]);
const CUT_MS = [200, 3_200];

let seed = options.seed;
function random() {
  // mulberry32: small, seeded, good enough to scatter cuts.
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

class Board {
  constructor(number) {
    this.number = number;
    this.resumes = number % 2 === 0;
    this.board = new Map();
    this.position = null;
    Object.assign(this, { gaps: 0, duplicates: 0, early: 0, updates: 0, connects: 0, cuts: 0 });
    Object.assign(this, { resyncs: 0, snapshots: 0 });
    this.socket = io(url, {
      auth: { token: options.token },
      transports: number % 3 === 0 ? ["polling", "websocket"] : ["websocket"],
      forceNew: true,
      reconnectionDelay: 10,
      reconnectionDelayMax: 60,
    });
    this.socket.on("connect", () => this.connected());
    this.socket.on("active_calls", (payload) => this.snapshot(payload));
    this.socket.on("call_update", (update) => this.update(update));
    this.socket.on("resync", ({ view }) => view === "calls" && this.resync());
    this.later();
  }

  connected() {
    this.connects += 1;
    // Who comes back keeps its board and asks for what it missed, or takes the greeting.
    this.ignoreGreeting = this.position !== null && (this.resumes || options.goOn);
    const wish = {};
    if (this.ignoreGreeting && !options.goOn) wish.since = this.position;
    this.socket.emit("subscribe:calls", wish, ({ position }) => {
      // The control: as if nothing had been missed.
      if (options.goOn && this.position) this.told = position;
    });
  }

  snapshot({ active_calls: calls, position }) {
    if (this.ignoreGreeting) {
      this.ignoreGreeting = false;
      return;
    }
    this.snapshots += 1;
    this.board = new Map(calls.map((call) => [call.sid, call]));
    this.position = position;
  }

  resync() {
    this.resyncs += 1;
    this.position = null;
    this.ignoreGreeting = false;
    this.socket.emit("get:active_calls");
  }

  update({ type, document: call, position }) {
    this.updates += 1;
    if (this.position === null) {
      if (this.snapshots === 0) this.early += 1;
      return;
    }
    const step = position.offset - this.position.offset;
    if (position.epoch !== this.position.epoch || step > 1) this.gaps += 1;
    else if (step < 1) {
      this.duplicates += 1;
      return;
    }
    this.position = position;
    if (type !== "delete" && LIVE.has(call.status)) this.board.set(call.sid, call);
    else this.board.delete(call.sid);
  }

  later() {
    const [least, most] = CUT_MS;
    this.timer = setTimeout(() => this.cut(), least + random() * (most - least));
  }

  cut() {
    const engine = this.socket.io.engine;
    if (this.socket.connected && engine) {
      this.cuts += 1;
      const ws = engine.transport.ws;
      // Break the connection, as a lost network does; a poll has none of its own to break.
      if (ws?.terminate) ws.terminate();
      else engine.close();
    }
    this.later();
  }
}

const boards = Array.from({ length: options.clients }, (_, number) => new Board(number));
const total = (name) => boards.reduce((sum, board) => sum + board[name], 0);

process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => {
  if (chunk.includes("calm")) for (const board of boards) clearTimeout(board.timer);
  if (chunk.includes("count")) say({ cuts: total("cuts"), connects: total("connects") });
  if (chunk.includes("report")) report();
});
process.stdin.on("end", () => process.exit(0));

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function report() {
  const names = ["gaps", "duplicates", "early", "updates", "connects", "cuts", "resyncs"];
  const sums = Object.fromEntries(names.map((name) => [name, total(name)]));
  const held = boards.map(({ board, position, socket }) => ({
    connected: socket.connected,
    position,
    calls: Object.fromEntries([...board].map(([sid, call]) => [sid, call])),
  }));
  say({ ...sums, boards: held });
}
