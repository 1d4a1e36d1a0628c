/** One path is read once for all, kept when a read fails, and left alone when nobody looks. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Refused, Unanswered } from "../src/api.js";
import { Board } from "../src/board.js";
import { Reads } from "../src/reads.js";
import { ServerClock } from "../src/store/server_clock.js";
import { settle } from "./support.js";

const PATH = "/api/alerts";

/** Reads with time and the server's answers in the test's hand. */
function aPage() {
  const page = { now: 1_000, timers: [], asked: [], answers: {}, waits: [], hidden: false, retried: 0 };
  page.board = new Board({ onNextFrame: () => {}, clock: new ServerClock(() => page.now) });
  page.board.session.value = { name: "ana" };
  const ask = (path) => {
    page.asked.push(path);
    return new Promise((resolve, reject) => page.waits.push({ path, resolve, reject }));
  };
  page.reads = new Reads({
    board: page.board,
    ask,
    feed: { retrySession: () => (page.retried += 1) },
    later: (run, ms) => {
      const timer = { run, at: page.now + ms };
      page.timers.push(timer);
      return timer;
    },
    cancel: (timer) => (page.timers = page.timers.filter((one) => one !== timer)),
    hidden: () => page.hidden,
  });
  page.state = (path = PATH) => page.reads.entry(path).state.value;
  /** Let time pass. */
  page.pass = async (ms) => {
    page.now += ms;
    const due = page.timers.filter(({ at }) => at <= page.now);
    page.timers = page.timers.filter(({ at }) => at > page.now);
    for (const { run } of due) run();
    await settle();
  };
  /** Answer what was asked first, with data or an error. */
  page.answer = async (outcome) => {
    const { resolve, reject } = page.waits.shift();
    if (outcome instanceof Error) reject(outcome);
    else resolve(outcome);
    await settle();
  };
  return page;
}

test("a path is asked for once, however many want it, and by the shortest pace", async () => {
  const page = aPage();
  page.reads.want(PATH, 10_000);
  page.reads.want(PATH, 5_000);
  page.reads.want(PATH);
  assert.deepEqual(page.state(), { data: null, error: null, at: null, loading: true });
  await page.pass(0);
  page.reads.want(PATH, 20_000);
  await page.pass(0);
  assert.deepEqual(page.asked, [PATH]);
  await page.answer({ n: 1 });
  assert.deepEqual(page.state(), { data: { n: 1 }, error: null, at: 1_000, loading: false });
  await page.pass(4_999);
  assert.equal(page.asked.length, 1);
  await page.pass(1);
  assert.equal(page.asked.length, 2);
});

test("what nobody wants again and again is read once", async () => {
  const page = aPage();
  page.reads.want(PATH);
  await page.pass(0);
  await page.answer({ n: 1 });
  assert.deepEqual(page.timers, []);
});

test("what was read is kept when a later read fails, and tried again soon", async () => {
  const page = aPage();
  page.reads.want(PATH, 10_000);
  await page.pass(0);
  await page.answer({ n: 1 });
  await page.pass(10_000);
  const error = new Unanswered("the server does not answer");
  await page.answer(error);
  assert.deepEqual(page.state(), { data: { n: 1 }, error, at: 1_000, loading: false });
  await page.pass(3_000);
  await page.answer({ n: 2 });
  assert.deepEqual(page.state(), { data: { n: 2 }, error: null, at: 14_000, loading: false });
});

test("a first read that fails says so, and is tried again though it was wanted only once", async () => {
  const page = aPage();
  page.reads.want(PATH);
  await page.pass(0);
  await page.answer(new Refused(503, { title: "busy" }));
  assert.deepEqual([page.state().data, page.state().loading, page.state().error.status], [null, false, 503]);
  await page.pass(3_000);
  assert.equal(page.asked.length, 2);
});

test("what is refused for good is not asked for again; too many requests are no refusal", async () => {
  for (const [status, asked] of [[404, 1], [400, 1], [429, 2], [500, 2]]) {
    const page = aPage();
    page.reads.want(PATH);
    await page.pass(0);
    await page.answer(new Refused(status, {}));
    await page.pass(3_000);
    assert.equal(page.asked.length, asked, String(status));
  }
});

test("a session that ended is found out", async () => {
  const page = aPage();
  page.reads.want(PATH, 5_000);
  await page.pass(0);
  await page.answer(new Refused(401, {}));
  assert.equal(page.retried, 1);
});

test("what nobody wants any more is not read, and not followed", async () => {
  const page = aPage();
  const end = page.reads.want(PATH, 5_000);
  await page.pass(0);
  end();
  await page.answer({ n: 1 });
  assert.deepEqual([page.state().data, page.timers], [{ n: 1 }, []]);
  page.reads.again();
  assert.deepEqual(page.timers, []);
});

test("a hidden page reads nothing until it is seen again", async () => {
  const page = aPage();
  page.reads.want(PATH, 5_000);
  page.hidden = true;
  await page.pass(0);
  assert.deepEqual([page.asked, page.timers], [[], []]);
  page.hidden = false;
  page.reads.again();
  await page.pass(0);
  assert.deepEqual(page.asked, [PATH]);
});

test("a paused board keeps what it shows; what was never read is read", async () => {
  const page = aPage();
  page.reads.want(PATH, 5_000);
  await page.pass(0);
  await page.answer({ n: 1 });
  page.board.pause();
  await page.pass(60_000);
  assert.deepEqual(page.asked, [PATH]);
  page.reads.want("/api/system", 5_000);
  await page.pass(0);
  await page.answer({ n: 2 });
  assert.deepEqual(page.state("/api/system").data, { n: 2 });
  await page.pass(60_000);
  assert.equal(page.asked.length, 2);
  page.board.resume();
  page.reads.again();
  await page.pass(0);
  assert.equal(page.asked.length, 4);
});

test("nothing is asked for while nobody is known to be signed in", async () => {
  const page = aPage();
  page.board.session.value = null;
  page.reads.want(PATH, 5_000);
  await page.pass(10_000);
  assert.deepEqual(page.asked, []);
  page.board.session.value = { name: "ana" };
  page.reads.again();
  await page.pass(0);
  assert.deepEqual(page.asked, [PATH]);
});

test("nothing of a former session is kept, nor what was on its way to it", async () => {
  const page = aPage();
  page.reads.want(PATH, 5_000);
  page.reads.want("/api/system", 5_000);
  await page.pass(0);
  await page.answer({ secret: 1 });
  page.reads.forget();
  assert.deepEqual(page.state(), { data: null, error: null, at: null, loading: true });
  page.reads.again();
  await page.pass(0);
  await page.answer({ secret: 2 });
  assert.equal(page.state("/api/system").data, null);
  for (const { path } of [...page.waits]) await page.answer({ path });
  assert.deepEqual(page.state("/api/system").data, { path: "/api/system" });
  assert.deepEqual(page.state().data, { path: PATH });
  assert.equal(page.timers.length, 2);
});

test("screens that were left long ago are forgotten, those in use never", async () => {
  const page = aPage();
  page.reads.want(PATH);
  for (let number = 0; number < 60; number += 1) page.reads.want(`/api/${number}`)();
  assert.equal(page.reads.kept.size, 40);
  assert.ok(page.reads.kept.has(PATH));
});
