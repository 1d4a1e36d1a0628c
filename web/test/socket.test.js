/** The page's end of Socket.IO: packets in both directions, acknowledgements, ends of all kinds. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Socket } from "../src/socket.js";
import { settle } from "./support.js";

const OPEN = '0{"sid":"s1","pingInterval":25000,"pingTimeout":20000,"upgrades":[]}';

class FakeWebSocket {
  static made = [];

  constructor(url) {
    this.url = url;
    this.sent = [];
    FakeWebSocket.made.push(this);
  }

  send(packet) {
    this.sent.push(packet);
  }

  close() {
    this.closed = true;
  }

  says(...packets) {
    for (const data of packets) this.onmessage({ data });
  }
}

function made({ fetch = async () => ({ ok: false, status: 502 }) } = {}) {
  FakeWebSocket.made = [];
  const timers = new Map();
  const heard = [];
  const socket = new Socket({
    origin: "https://board.example",
    WebSocket: FakeWebSocket,
    fetch,
    later: (action, ms) => {
      const timer = Symbol("timer");
      timers.set(timer, { action, ms });
      return timer;
    },
    cancel: (timer) => timers.delete(timer),
  });
  for (const event of ["connect", "disconnect", "connect_error", "call_update"]) {
    socket.on(event, (payload) => heard.push([event, payload]));
  }
  socket.connect();
  const pass = (ms) => {
    for (const [timer, { action, ms: after }] of [...timers]) {
      if (after === ms && timers.delete(timer)) action();
    }
  };
  return { socket, heard, pass, timers, web: FakeWebSocket.made[0] };
}

function connected() {
  const all = made();
  all.web.says(OPEN, '40{"sid":"n1"}');
  return all;
}

test("it opens a namespace over a WebSocket and hears events", () => {
  const { socket, heard, web } = connected();
  assert.equal(web.url, "wss://board.example/socket.io/?EIO=4&transport=websocket");
  assert.deepEqual(web.sent, ["40"]);
  assert.equal(socket.connected, true);
  web.says('42["call_update",{"type":"insert"}]', '42["unheard_of",1]');
  assert.deepEqual(heard, [["connect", undefined], ["call_update", { type: "insert" }]]);
});

test("it sends events, and what is answered reaches who asked", () => {
  const { socket, web } = connected();
  const answers = [];
  socket.emit("get:active_calls");
  socket.emit("subscribe:calls", { since: 3 }, (...said) => answers.push(said));
  socket.emit("subscribe:summary", {}, (...said) => answers.push(said));
  assert.deepEqual(web.sent.slice(1), [
    '42["get:active_calls"]',
    '421["subscribe:calls",{"since":3}]',
    '422["subscribe:summary",{}]',
  ]);
  web.says('432[{"position":7}]', "431[null]", '432[{"position":8}]');
  assert.deepEqual(answers, [[null, { position: 7 }], [null, null]]);
});

test("an answer that does not come is an error after the time given", () => {
  const { socket, pass } = connected();
  const answers = [];
  socket.emit("subscribe:calls", {}, (error) => answers.push(error?.message), 1_234);
  pass(1_234);
  assert.deepEqual(answers, ["no answer"]);
});

test("it answers pings, and takes a server that stops for gone", () => {
  const { heard, socket, web, pass } = connected();
  web.says("2");
  assert.equal(web.sent.at(-1), "3");
  pass(45_000);
  assert.deepEqual(heard.at(-1), ["disconnect", "no ping"]);
  assert.equal(socket.connected, false);
  assert.equal(web.closed, true);
});

test("a closed connection is told once, and asks in flight end", () => {
  const { heard, socket, web } = connected();
  const answers = [];
  socket.emit("subscribe:calls", {}, (error) => answers.push(error.message));
  web.onclose();
  web.says('42["call_update",{}]'); // too late
  assert.deepEqual(heard.map(([event]) => event), ["connect", "disconnect"]);
  assert.deepEqual(answers, ["closed"]);
  socket.emit("page", {});
  assert.equal(web.sent.length, 2); // the namespace, and the one that was asked
});

test("who is refused is told so, and closing says nothing", () => {
  const { heard, web } = made();
  web.says(OPEN, '44{"message":"who are you"}');
  assert.deepEqual(heard, [["connect_error", "refused"]]);
  const other = connected();
  other.socket.close();
  assert.deepEqual(other.heard, [["connect", undefined]]);
});

test("nothing that answers is an error, and one may try again", async () => {
  const { heard, socket, web } = made();
  web.onclose();
  await settle();
  assert.deepEqual(heard, [["connect_error", "the server answered 502"]]);
  socket.connect();
  assert.equal(FakeWebSocket.made.length, 2);
});

test("a handshake that takes too long is given up", async () => {
  const { heard, pass } = made({ fetch: () => new Promise(() => {}) });
  pass(8_000); // the WebSocket
  pass(8_000); // long polling
  assert.deepEqual(heard, [["connect_error", "timeout"]]);
});

test("without WebSockets it polls, one request at a time in each direction", async () => {
  const posted = [];
  const answers = [OPEN, '40{"sid":"n1"}', '42["call_update",1]\x1e2\x1e42["call_update",2]'];
  const { heard, socket, web } = made({
    fetch: async (path, { method, body }) => {
      if (method === "POST") {
        posted.push([path, body]);
        return { ok: true, text: async () => "ok" };
      }
      const text = answers.shift();
      if (text === undefined) return new Promise(() => {});
      return { ok: true, text: async () => text };
    },
  });
  web.onclose();
  for (let turn = 0; turn < 10; turn += 1) await settle();
  assert.deepEqual(heard, [["connect", undefined], ["call_update", 1], ["call_update", 2]]);
  socket.emit("get:active_calls");
  await settle();
  const path = "/socket.io/?EIO=4&transport=polling&sid=s1";
  assert.deepEqual(posted, [[path, "40"], [path, "3"], [path, '42["get:active_calls"]']]);
});
