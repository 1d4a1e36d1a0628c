/** Builders and fakes that the tests share. */

export const EPOCH = "e1";

let made = 0;

export function aCall(more = {}) {
  made += 1;
  return {
    sid: `CA${String(made).padStart(4, "0")}`,
    status: "ringing",
    direction: "outbound",
    from: "+14155550100",
    to: "+34600000001",
    startTime: "2026-11-22T10:00:00.000Z",
    answerTime: null,
    endTime: null,
    duration: null,
    campaignId: null,
    contactName: null,
    agentName: null,
    updatedAt: "2026-11-22T10:00:00.000Z",
    ...more,
  };
}

export function at(offset, epoch = EPOCH) {
  return { epoch, offset };
}

export function snapshot(calls, position) {
  return { active_calls: calls, active_calls_count: calls.length, position };
}

export function update(type, document, position) {
  return { type, document, position };
}

/** A repeatable source of chance: a failing history is told by its seed. */
export function seeded(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** The server's end of the live view: true states and the deltas between them. */
export class FakeServer {
  constructor(chance) {
    this.chance = chance;
    this.calls = new Map();
    this.offset = 0;
    this.epoch = EPOCH;
    this.updates = [];
  }

  snapshot() {
    return snapshot([...this.calls.values()], at(this.offset, this.epoch));
  }

  /** Change something as a server would, and return the delta. */
  step() {
    const known = [...this.calls.values()];
    const fresh = known.length < 3 || this.chance(4) === 0;
    const call = fresh ? aCall() : known[this.chance(known.length)];
    const status = ["initiated", "ringing", "in-progress", "completed", "busy"][this.chance(5)];
    const type = !fresh && this.chance(10) === 0 ? "delete" : fresh ? "insert" : "update";
    const document = { ...call, status };
    const ended = type === "delete" || status === "completed" || status === "busy";
    if (ended) this.calls.delete(call.sid);
    else this.calls.set(call.sid, document);
    this.offset += 1;
    const made = update(type, document, at(this.offset, this.epoch));
    this.updates.push(made);
    return made;
  }
}

/** A socket under the test's hand: what was emitted, and what the server says. */
export class FakeSocket {
  constructor() {
    this.listeners = new Map();
    this.sent = [];
    this.connected = true;
  }

  on(event, listener) {
    this.listeners.set(event, listener);
  }

  emit(event, payload, ack) {
    this.sent.push({ event, payload });
    if (ack) ack(null, { position: null });
  }

  says(event, payload) {
    return this.listeners.get(event)?.(payload);
  }

  close() {
    this.connected = false;
  }

  connect() {
    this.connected = true;
  }

  count(event) {
    return this.sent.filter((message) => message.event === event).length;
  }
}

/** Let promises that are ready run. */
export function settle() {
  return new Promise((done) => setImmediate(done));
}
