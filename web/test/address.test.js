/** Links change the screen without a new page; whatever is not ours is the browser's. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Address } from "../src/address.js";

/** A window, as far as an address needs one. */
class FakeBrowser {
  constructor(href = "http://board/live") {
    this.entries = [href];
    this.place = 0;
    this.listeners = {};
    this.scrolledTo = null;
    this.history = {
      state: null,
      pushState: (_state, _title, to) => {
        this.entries = [...this.entries.slice(0, this.place + 1), this.resolve(to)];
        this.place += 1;
      },
      replaceState: (_state, _title, to) => (this.entries[this.place] = this.resolve(to)),
    };
  }

  get location() {
    return new URL(this.entries[this.place]);
  }

  resolve(to) {
    return new URL(to, this.location).href;
  }

  addEventListener(name, listener) {
    this.listeners[name] = listener;
  }

  scrollTo(x, y) {
    this.scrolledTo = [x, y];
  }

  back() {
    this.place -= 1;
    this.listeners.popstate();
  }

  /** Click on a link and tell whether the page took it. */
  click(attributes, more = {}) {
    const event = {
      button: 0,
      defaultPrevented: false,
      target: { closest: () => aLink(attributes) },
      preventDefault: () => (event.defaultPrevented = true),
      ...more,
    };
    this.listeners.click(event);
    return event.defaultPrevented;
  }
}

/** In a drawing a link's properties are objects: only its attributes are text. */
function aLink(attributes) {
  return {
    href: { baseVal: attributes.href },
    target: { baseVal: attributes.target ?? "" },
    getAttribute: (name) => attributes[name] ?? null,
    hasAttribute: (name) => name in attributes,
  };
}

function aBoard(href) {
  const browser = new FakeBrowser(href);
  return { browser, address: new Address(browser) };
}

test("it begins where the browser is", () => {
  const { address } = aBoard("http://board/campaigns/c1?tab=list");
  assert.deepEqual(address.route.value, { screen: "campaign", id: "c1", query: { tab: "list" } });
});

test("going somewhere is a step of the history, and begins at the top", () => {
  const { browser, address } = aBoard();
  address.go("/calls?status=failed");
  assert.equal(address.route.value.screen, "calls");
  assert.deepEqual(browser.entries, ["http://board/live", "http://board/calls?status=failed"]);
  assert.deepEqual(browser.scrolledTo, [0, 0]);
  browser.back();
  assert.equal(address.route.value.screen, "live");
});

test("going where one is already is no new step", () => {
  const { browser, address } = aBoard();
  address.go("/live");
  assert.deepEqual(browser.entries, ["http://board/live"]);
});

test("filters change the address in place; null takes one away", () => {
  const { browser, address } = aBoard("http://board/live?q=ana#main");
  address.set({ state: "ringing,initiated", n: 3 });
  assert.equal(browser.location.href, "http://board/live?q=ana&state=ringing,initiated&n=3#main");
  assert.deepEqual(address.route.value.query, { q: "ana", state: "ringing,initiated", n: "3" });
  address.set({ q: null, state: "", n: null });
  assert.equal(browser.location.href, "http://board/live#main");
  assert.equal(browser.entries.length, 1);
});

test("a click on one of our links is ours, in a drawing too", () => {
  const { browser, address } = aBoard();
  assert.equal(browser.click({ href: "/calls/CA1" }), true);
  assert.deepEqual([address.route.value.screen, address.route.value.id], ["call", "CA1"]);
  assert.equal(browser.click({ href: "?tab=raw" }), true);
  assert.equal(browser.location.href, "http://board/calls/CA1?tab=raw");
});

test("other clicks are the browser's", () => {
  const { browser, address } = aBoard();
  const others = [
    { href: "http://elsewhere/live" },
    { href: "/calls", target: "_blank" },
    { href: "/api/calls.csv" },
    { href: "/calls", download: "" },
    { href: "#main" },
    { href: "mailto:ops@example.com" },
  ];
  for (const attributes of others) assert.equal(browser.click(attributes), false, attributes.href);
  const held = [{ ctrlKey: true }, { metaKey: true }, { shiftKey: true }, { altKey: true }, { button: 1 }];
  for (const more of held) assert.equal(browser.click({ href: "/calls" }, more), false);
  assert.equal(browser.click({ href: "/calls" }, { target: { closest: () => null } }), false);
  assert.equal(browser.click({ href: "/calls" }, { target: {} }), false);
  assert.equal(address.route.value.screen, "live");
  assert.equal(browser.entries.length, 1);
});

test("a click that somebody took is left to them", () => {
  const { browser, address } = aBoard();
  browser.click({ href: "/calls" }, { defaultPrevented: true });
  assert.equal(address.route.value.screen, "live");
});

test("without a browser it lives in memory", () => {
  const address = new Address(null, "/analytics?range=7d");
  address.set({ range: "30d" });
  assert.deepEqual(address.route.value.query, { range: "30d" });
  address.go("/calls?q=1");
  assert.deepEqual(address.route.value, { screen: "calls", id: null, query: { q: "1" } });
});
