/** The feed asks for what it missed, and comes back by itself. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Refused, Unanswered } from "../src/api.js";
import { Board } from "../src/board.js";
import { Feed } from "../src/feed.js";
import { aCall, at, FakeSocket, settle, snapshot, update } from "./support.js";

const SESSION = { name: "ops", auth: "on", timezone: "UTC", serverTime: "2026-11-22T10:00:00Z" };

const ANSWERS = {
  "/api/session": SESSION,
  "/api/dashboard/summary?period=today": { summary: { totalCalls: 7 }, position: at(1) },
  "/api/campaigns": { campaigns: [] },
  "/api/calls?limit=100": { calls: [] },
};

async function started(answers = ANSWERS) {
  const socket = new FakeSocket();
  const board = new Board({ onNextFrame: (paint) => paint() });
  const asked = [];
  const planned = new Map();
  const ask = async (path, options) => {
    asked.push(`${options?.method ?? "GET"} ${path}`);
    const answer = answers[path];
    if (answer instanceof Error) throw answer;
    return answer ?? { calls: [] };
  };
  let opened = 0;
  const feed = new Feed({
    board,
    ask,
    connect: () => {
      opened += 1;
      return socket;
    },
    later: (action, ms) => {
      const timer = Symbol("timer");
      planned.set(timer, { action, ms });
      return timer;
    },
    cancel: (timer) => planned.delete(timer),
  });
  await feed.start();
  const state = () => board.connection.value.state;
  return { socket, board, asked, planned, feed, state, opened: () => opened };
}

async function live(answers) {
  const all = await started(answers);
  all.socket.says("connect");
  all.socket.says("active_calls", snapshot([aCall({ sid: "CA1" })], at(10)));
  await settle();
  return all;
}

test("it is live once the snapshot is there and updates follow it", async () => {
  const { socket, board, state } = await started();
  assert.equal(state(), "connecting");
  socket.says("connect");
  assert.equal(state(), "connecting");
  socket.says("active_calls", snapshot([aCall()], at(10)));
  await settle();
  assert.equal(state(), "live");
  const asked = socket.sent.find(({ event }) => event === "subscribe:calls");
  assert.deepEqual(asked.payload, { since: at(10) });
  assert.equal(board.live.value.length, 1);
  assert.equal(board.summary.value.totalCalls, 7);
});

test("a gap asks for a snapshot once, and the snapshot mends the board", async () => {
  const { socket, board } = await live();
  socket.says("call_update", update("insert", aCall(), at(12)));
  socket.says("call_update", update("insert", aCall(), at(13)));
  assert.equal(socket.count("get:active_calls"), 1);
  socket.says("active_calls", snapshot([aCall(), aCall()], at(13)));
  assert.equal(board.live.value.length, 2);
  assert.equal(socket.count("subscribe:calls"), 1);
});

test("a resync of calls takes a snapshot, one of figures reads them again", async () => {
  const { socket, asked } = await live();
  socket.says("resync", { view: "calls", position: at(1, "e2") });
  assert.equal(socket.count("get:active_calls"), 1);
  asked.length = 0;
  socket.says("resync", { view: "campaigns", position: at(1, "e2") });
  assert.deepEqual(asked, ["GET /api/campaigns"]);
});

test("an ended call disappears", async () => {
  const { socket, board } = await live();
  socket.says("call_update", update("update", aCall({ sid: "CA1", status: "busy" }), at(11)));
  assert.deepEqual(board.live.value, []);
  assert.deepEqual(board.recent.value.map((call) => call.sid), ["CA1"]);
});

test("a lost connection is told of, and the next one goes on from the new snapshot", async () => {
  const { socket, state, board } = await live();
  socket.says("disconnect");
  assert.equal(state(), "reconnecting");
  assert.equal(board.live.value.length, 1);
  socket.says("connect");
  socket.says("active_calls", snapshot([], at(40)));
  await settle();
  assert.equal(state(), "live");
  assert.equal(socket.count("subscribe:calls"), 2);
  assert.deepEqual(board.live.value, []);
});

test("a refusal for the key shows the sign-in form and nothing of the data", async () => {
  const answers = { ...ANSWERS };
  const { socket, state, board, planned, feed, opened } = await live(answers);
  answers["/api/session"] = new Refused(401, null);
  await socket.says("connect_error", new Error("unauthorized"));
  await settle();
  assert.deepEqual([state(), board.live.value, planned.size], ["signed-out", null, 0]);
  assert.equal(await feed.signIn("wrong"), "This key is not known here.");
  answers["/api/session"] = SESSION;
  assert.equal(await feed.signIn("right"), null);
  assert.deepEqual([state(), opened()], ["connecting", 2]);
});

test("a server that does not answer is asked again, with growing pauses", async () => {
  const answers = { ...ANSWERS, "/api/session": new Unanswered("no") };
  const { planned, state } = await started(answers);
  const pauses = [];
  for (let n = 0; n < 6; n += 1) {
    const [[timer, { action, ms }]] = planned;
    pauses.push(ms);
    planned.delete(timer);
    action();
    await settle();
  }
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 5000, 5000]);
  assert.equal(state(), "offline");
});

test("a look at the clock that fails while updates come does not cry wolf", async () => {
  const answers = { ...ANSWERS };
  const { planned, state } = await live(answers);
  answers["/api/session"] = new Unanswered("no");
  const isClock = ([, { ms }]) => ms === 5 * 60_000;
  const [timer, { action }] = [...planned].find(isClock);
  planned.delete(timer);
  action();
  await settle();
  assert.equal(state(), "live");
  assert.ok([...planned].some(isClock));
});

test("what could not be loaded is told of and asked for again", async () => {
  const answers = { ...ANSWERS, "/api/campaigns": new Refused(503, { detail: "storage is away" }) };
  const { board, planned } = await live(answers);
  assert.equal(board.problems.value.campaigns, "storage is away");
  answers["/api/campaigns"] = { campaigns: [] };
  for (const [timer, { action, ms }] of [...planned]) {
    if (ms !== 500) continue;
    planned.delete(timer);
    action();
  }
  await settle();
  assert.deepEqual([board.problems.value, board.campaigns.value], [{}, []]);
});

test("a paused board stands still and shows everything when it goes on", async () => {
  const { socket, board } = await live();
  board.pause();
  socket.says("call_update", update("insert", aCall(), at(11)));
  assert.equal(board.live.value.length, 1);
  board.resume();
  assert.equal(board.live.value.length, 2);
});

test("updates are painted once a frame, however many come", async () => {
  const frames = [];
  const board = new Board({ onNextFrame: (paint) => frames.push(paint) });
  for (let n = 0; n < 100; n += 1) board.changed();
  assert.equal(frames.length, 1);
});

test("a one-time link signs in once, and is forgotten", async () => {
  const { feed, asked, state, opened } = await started({
    ...ANSWERS,
    "/api/session": new Refused(401, null),
  });
  assert.equal(state(), "signed-out");
  const posted = [];
  feed.ask = async (path, options) => {
    if (options?.body) posted.push(options.body);
    return ANSWERS[path];
  };
  await feed.startWith("the-link");
  assert.deepEqual(posted, [{ link: "the-link" }]);
  assert.equal(opened(), 1);
  assert.equal(feed.link, null);
  assert.equal(asked.length, 1);
});

test("a link that does not count leaves the session there is, or says why", async () => {
  const { feed, state, opened } = await started({
    ...ANSWERS,
    "/api/session": new Refused(401, null),
  });
  await feed.startWith("too-old");
  assert.equal(state(), "signed-out");
  assert.match(feed.complaint, /used already/);
  feed.ask = async (path, options) => {
    if (options?.body) throw new Refused(401, null);
    return ANSWERS[path];
  };
  await feed.startWith("too-old");
  assert.equal(opened(), 1);
  assert.equal(feed.complaint, null);
});

test("a link that nobody answered is tried again", async () => {
  const { feed, planned, opened } = await started({
    ...ANSWERS,
    "/api/session": new Unanswered("no"),
  });
  planned.clear();
  await feed.startWith("the-link");
  assert.equal(feed.link, "the-link");
  feed.ask = async (path) => ANSWERS[path];
  const [{ action }] = planned.values();
  await action();
  await settle();
  assert.equal(opened(), 1);
  assert.equal(feed.link, null);
});
