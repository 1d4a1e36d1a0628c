/**
 * What the views look at: signals, filled from the store at most once per frame.
 *
 * The store takes every update at once, the signals change when the next frame is painted.
 * Pausing only stops that step: nothing is missed, and the connection is told of truthfully.
 */

import { batch, computed, signal } from "@preact/signals";

import { Address } from "./address.js";
import { Calls } from "./store/calls.js";
import { nextConnection, START } from "./store/connection.js";
import { Campaigns, Summary } from "./store/figures.js";
import { zoneClock } from "./store/format.js";
import { filterQuery, readQuery, sortQuery } from "./store/query.js";
import { ServerClock } from "./store/server_clock.js";

const RECENT_SHOWN = 25;

export class Board {
  constructor({ onNextFrame, clock = new ServerClock(), address = new Address() }) {
    this.clock = clock;
    this.onNextFrame = onNextFrame;
    this.frameAsked = false;

    this.address = address;
    this.filter = computed(() => readQuery(address.route.value.query).filter);
    this.sort = computed(() => readQuery(address.route.value.query).sort);

    this.connection = signal(START);
    this.session = signal(null);
    this.problems = signal({});
    /** The server's time of day, and the instant that timers of calls are shown for. */
    this.wall = signal(clock.now());
    this.now = signal(clock.now());
    this.pausedAt = signal(null);

    this.live = signal(null);
    this.summary = signal(null);
    this.campaigns = signal(null);
    this.recent = signal(null);
    this.changedAt = signal(null);

    this.zone = computed(() => zoneClock(this.session.value?.timezone ?? "UTC"));
    this.campaignNames = computed(
      () => new Map(this.campaigns.value?.map((row) => [row.campaignId, row.name])),
    );
    this.forget();
  }

  /** Start over with an empty store: nothing of a former session may remain on screen. */
  forget() {
    this.calls = new Calls();
    this.summaryStore = new Summary();
    this.campaignStore = new Campaigns();
    this.recentLoaded = false;
    this.lastChange = null;
    batch(() => {
      for (const name of ["live", "summary", "campaigns", "recent", "changedAt", "pausedAt"]) {
        this[name].value = null;
      }
      this.problems.value = {};
    });
  }

  /** Note that data came; it is shown with the next frame. */
  changed() {
    this.lastChange = this.clock.now();
    this.show();
  }

  /** Ask for one commit in the next frame, however often it is asked for. */
  show() {
    if (this.frameAsked) return;
    this.frameAsked = true;
    this.onNextFrame(() => {
      this.frameAsked = false;
      this.#commit();
    });
  }

  /**
   * Let a second pass. Timers stand still while paused or cut off: a call that seems to go on
   * may long be over.
   */
  tick() {
    batch(() => {
      this.wall.value = this.clock.now();
      const { state } = this.connection.value;
      if (state === "live" && this.pausedAt.value === null) this.now.value = this.wall.value;
    });
  }

  connectionEvent(event) {
    this.connection.value = nextConnection(this.connection.value, event, this.clock.now());
    this.tick();
  }

  /** Note or clear what could not be loaded. */
  problem(view, message) {
    const { [view]: had, ...others } = this.problems.value;
    if (message) this.problems.value = { ...others, [view]: message };
    else if (had) this.problems.value = others;
  }

  pause() {
    this.pausedAt.value = this.clock.now();
  }

  resume() {
    this.pausedAt.value = null;
    this.show();
  }

  /** Return a campaign's name, or its id while the name is not known. */
  campaignName = (id) => this.campaignNames.value.get(id) ?? id;

  /** Show other live calls; the address says which, so that a view can be shared. */
  setFilter(filter) {
    this.address.set(filterQuery(filter));
  }

  setSort(sort) {
    this.address.set(sortQuery(sort));
  }

  #commit() {
    if (this.pausedAt.value !== null) return;
    batch(() => {
      this.changedAt.value = this.lastChange;
      if (this.calls.position || !this.calls.stale) this.live.value = [...this.calls.live.values()];
      this.summary.value = this.summaryStore.value;
      if (this.campaignStore.loaded) this.campaigns.value = this.campaignStore.inOrder();
      if (this.recentLoaded) this.recent.value = this.calls.recentFirst(RECENT_SHOWN);
    });
  }
}
