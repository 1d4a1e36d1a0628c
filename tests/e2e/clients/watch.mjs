// The official Socket.IO client, told what to do by its arguments, writing what it hears as
// one JSON object a line: {"event": …, "payload": …}.
// usage: node watch.mjs URL '{"token": "…", "transports": [...], "subscribe": ["calls"], "since": …}'
import { createRequire } from "node:module";
import process from "node:process";

const require = createRequire(new URL("../../../web/package.json", import.meta.url));
const { io } = require("socket.io-client");

const [url, text] = process.argv.slice(2);
const options = JSON.parse(text ?? "{}");
const say = (event, payload) => process.stdout.write(`${JSON.stringify({ event, payload })}\n`);

const socket = io(url, {
  auth: options.token ? { token: options.token } : undefined,
  transports: options.transports ?? ["polling", "websocket"],
  reconnection: false,
});

socket.onAny((event, payload) => say(event, payload));
socket.on("connect_error", (error) => {
  say("connect_error", error.message);
  process.exit(0);
});
socket.on("connect", async () => {
  say("connect", socket.io.engine.transport.name);
  socket.io.engine.on("upgrade", (transport) => say("upgrade", transport.name));
  for (const name of options.subscribe ?? []) {
    const wish = { ...options.wish, ...(options.since ? { since: options.since } : {}) };
    say(`subscribed:${name}`, await socket.timeout(5000).emitWithAck(`subscribe:${name}`, wish));
  }
});
// Lines on standard input are events to send: {"event": …, "payload": …}.
process.stdin.setEncoding("utf8");
let rest = "";
process.stdin.on("data", (chunk) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop();
  for (const line of lines.filter(Boolean)) {
    const { event, payload } = JSON.parse(line);
    socket.emit(event, payload);
  }
});
process.stdin.on("end", () => process.exit(0));
