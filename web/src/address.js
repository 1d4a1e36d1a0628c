/**
 * Where we are: the one place that reads and writes the browser's address.
 *
 * Links are plain `<a href>`: a click on one of ours changes the screen without loading the
 * page again, with a modifier or the middle button the browser does what it always does.
 */

import { signal } from "@preact/signals";

import { queryText, readRoute } from "./store/route.js";

const NOWHERE = "page:/";

export class Address {
  /** `browser` is a window; without one (in tests) the address lives in memory alone. */
  constructor(browser = null, start = "/") {
    this.browser = browser;
    const { pathname, search } = browser?.location ?? new URL(start, NOWHERE);
    this.route = signal(readRoute(pathname, search));
    browser?.addEventListener("popstate", () => this.#read(browser.location));
    browser?.addEventListener("click", (event) => this.#clicked(event));
  }

  /** Go to another screen; it begins at its top. */
  go(href) {
    const to = new URL(href, this.browser?.location.href ?? NOWHERE);
    // As browsers do it: where one is already is no new step of the history.
    if (to.href === this.browser?.location.href) this.browser.history.replaceState(null, "", href);
    else this.browser?.history.pushState(null, "", href);
    this.#read(to);
    this.browser?.scrollTo(0, 0);
  }

  /** Change some of this screen's filters; null takes one away. No new step of the history. */
  set(changes) {
    const { route } = this;
    const query = { ...route.peek().query, ...changes };
    const text = queryText(query);
    route.value = { ...route.peek(), query: readRoute("/", text).query };
    const { location, history } = this.browser ?? {};
    history?.replaceState(history.state, "", `${location.pathname}${text}${location.hash}`);
  }

  #read({ pathname, search }) {
    this.route.value = readRoute(pathname, search);
  }

  #clicked(event) {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest?.("a[href]");
    // Attributes, not properties: those of a link in a drawing are no text.
    if (!link || link.getAttribute("target") || link.hasAttribute("download")) return;
    const { location } = this.browser;
    const to = new URL(link.getAttribute("href"), location.href);
    if (to.origin !== location.origin || to.hash) return;
    if (readRoute(to.pathname).screen === "lost") return; // a file, such as a table as CSV
    event.preventDefault();
    this.go(`${to.pathname}${to.search}`);
  }
}
