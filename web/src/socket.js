/**
 * A Socket.IO connection: version 4 of Engine.IO under version 5 of Socket.IO's protocol, of both
 * what a page needs that only talks to its own server: one namespace, text, acknowledgements.
 * Specification: the two protocol documents of the Socket.IO project.
 *
 * The library costs 12.5 KiB of the page's 80 (docs/adr/0024); in the tests it is the other end's
 * judge. The WebSocket comes first; where something in between forbids it, long polling. Who
 * uses it decides when to connect again: it never does so by itself.
 */

const PATH = "/socket.io/?EIO=4&transport=";
const CONNECT_TIMEOUT_MS = 8_000;
const SEPARATOR = "\x1e"; // between the packets of one answer of long polling

// The first character of a packet says what it is; of a message, the second.
const ENGINE = { open: "0", close: "1", ping: "2", pong: "3", message: "4" };
const SOCKET = { connect: "0", disconnect: "1", event: "2", ack: "3", refused: "4" };

// Browsers refuse to run their timers as a method of anything else.
const plan = (action, ms) => setTimeout(action, ms);

export class Socket {
  constructor({ origin, WebSocket, fetch, later = plan, cancel = (timer) => clearTimeout(timer) }) {
    Object.assign(this, { origin, WebSocket, fetch, later, cancel });
    this.handlers = new Map();
    this.acks = new Map();
    this.lastAck = 0;
    this.connected = false;
    this.wire = null;
    this.timer = null;
  }

  on(event, handler) {
    this.handlers.set(event, handler);
  }

  /** Send an event; with an answer within `waitMs`, or an error, to `done(error, ...answer)`. */
  emit(event, payload, done = null, waitMs = CONNECT_TIMEOUT_MS) {
    if (!this.connected) return; // who is connected again begins anew anyway
    let id = "";
    if (done) {
      id = String((this.lastAck += 1));
      const timer = this.later(() => this.#answered(id, [new Error("no answer")]), waitMs);
      this.acks.set(id, { done, timer });
    }
    const said = payload === undefined ? [event] : [event, payload];
    this.#send(`${SOCKET.event}${id}${JSON.stringify(said)}`);
  }

  /** Begin to connect, unless that is so already. Says `connect` or `connect_error`. */
  connect() {
    if (this.wire) return;
    this.#begin(new Web(this.WebSocket, this.origin), () =>
      this.#begin(new Polling(this.fetch), (reason) => this.#refused(reason)),
    );
  }

  /** Close; says nothing. */
  close() {
    this.connected = false;
    this.cancel(this.timer);
    const { wire } = this;
    this.wire = null;
    for (const id of [...this.acks.keys()]) this.#answered(id, [new Error("closed")]);
    wire?.close();
  }

  #begin(wire, otherwise) {
    this.wire = wire;
    let opened = false;
    const failed = (reason) => {
      if (this.wire !== wire) return;
      const { connected } = this;
      this.close();
      if (connected) this.#tell("disconnect", reason);
      else if (opened) this.#refused(reason);
      else otherwise(reason);
    };
    const timer = this.later(() => failed("timeout"), CONNECT_TIMEOUT_MS);
    this.timer = timer;
    const take = (packet) => {
      if (this.wire !== wire) return;
      const [kind] = packet;
      const rest = packet.slice(1);
      if (kind === ENGINE.open) {
        opened = true;
        const { pingInterval, pingTimeout } = JSON.parse(rest);
        this.patienceMs = pingInterval + pingTimeout;
        this.failed = failed;
        this.#send(SOCKET.connect);
      } else if (kind === ENGINE.ping) {
        wire.send(ENGINE.pong);
        this.#wait();
      } else if (kind === ENGINE.message) this.#message(rest, failed);
      else if (kind === ENGINE.close) failed("closed by the server");
    };
    wire.open(take, failed);
  }

  #message(text, failed) {
    const [kind] = text;
    if (kind === SOCKET.connect) {
      this.connected = true;
      this.#wait();
      this.#tell("connect");
    } else if (kind === SOCKET.event) {
      const [event, payload] = JSON.parse(text.slice(text.indexOf("[")));
      this.#tell(event, payload);
    } else if (kind === SOCKET.ack) {
      const begins = text.indexOf("[");
      this.#answered(text.slice(1, begins), [null, ...JSON.parse(text.slice(begins))]);
    } else if (kind === SOCKET.disconnect || kind === SOCKET.refused) failed("refused");
  }

  /** A server that has not pinged for so long is gone, whatever the network believes. */
  #wait() {
    this.cancel(this.timer);
    this.timer = this.later(() => this.failed("no ping"), this.patienceMs);
  }

  #send(message) {
    this.wire.send(ENGINE.message + message);
  }

  #answered(id, said) {
    const ack = this.acks.get(id);
    if (!ack) return;
    this.acks.delete(id);
    this.cancel(ack.timer);
    ack.done(...said);
  }

  #refused(reason) {
    this.#tell("connect_error", reason);
  }

  #tell(event, payload) {
    this.handlers.get(event)?.(payload);
  }
}

class Web {
  transport = "websocket";

  constructor(WebSocket, origin) {
    this.socket = new WebSocket(`${origin.replace(/^http/, "ws")}${PATH}websocket`);
  }

  open(take, failed) {
    this.socket.onmessage = ({ data }) => take(data);
    this.socket.onclose = () => failed("the connection was closed");
  }

  send(packet) {
    this.socket.send(packet);
  }

  close() {
    this.socket.onclose = null;
    this.socket.close();
  }
}

class Polling {
  transport = "polling";

  constructor(fetch) {
    this.fetch = fetch;
    this.session = "";
    this.waiting = [];
    this.sending = false;
    this.ended = new AbortController();
  }

  async open(take, failed) {
    this.failed = failed;
    try {
      while (!this.ended.signal.aborted) {
        const text = await this.#ask("GET");
        for (const packet of text.split(SEPARATOR)) {
          if (packet[0] === ENGINE.open) this.session = `&sid=${JSON.parse(packet.slice(1)).sid}`;
          take(packet);
        }
      }
    } catch (error) {
      failed(error.message);
    }
  }

  /** One request at a time: two could overtake each other. */
  async send(packet) {
    this.waiting.push(packet);
    if (this.sending) return;
    this.sending = true;
    try {
      while (this.waiting.length > 0) {
        await this.#ask("POST", this.waiting.splice(0).join(SEPARATOR));
      }
    } catch (error) {
      this.failed(error.message);
    }
    this.sending = false;
  }

  close() {
    this.ended.abort();
  }

  async #ask(method, body) {
    const { signal } = this.ended;
    const path = `${PATH}polling${this.session}`;
    const answer = await this.fetch(path, { method, body, signal, cache: "no-store" });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    return answer.text();
  }
}
