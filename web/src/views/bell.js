/** The alerts that fire, on every screen; with a sound for who wants one. */

import { effect, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { useRead } from "../reads.js";
import { count, plural } from "../store/format.js";
import { hrefOf } from "../store/route.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

export const ALERTS_PATH = "/api/alerts";
export const ALERTS_EVERY_MS = 10_000;

const KEY = "callboard.sound";

export const sound = signal(stored());
const known = new Set();

export function AlertsBell({ page }) {
  const { data } = useRead(page, ALERTS_PATH, ALERTS_EVERY_MS);
  const firing = data?.firing ?? [];
  useEffect(() => tell(firing), [data]);
  const critical = firing.some(({ severity }) => severity === "critical");
  const words = firing.length ? `${plural(firing.length, "alert")} firing` : "No alert fires";
  return html`<span class="bell-group">
    <a
      class=${`button quiet bell ${firing.length ? (critical ? "tone-bad" : "tone-warn") : ""}`}
      href=${hrefOf("alerts")}
      title=${words}
      data-testid="bell"
      data-value=${data ? firing.length : ""}
    >
      <${Icon} name="bell" />${firing.length > 0 && html`<b>${count(firing.length)}</b>`}
      <span class="visually-hidden">${words}</span>
    </a>
    <button
      type="button"
      class="button quiet"
      aria-pressed=${String(sound.value)}
      title=${sound.value ? "Sound on: a new critical alert is heard" : "Sound off"}
      onClick=${flipSound}
    >
      <${Icon} name=${sound.value ? "sound" : "muted"} />
      <span class="visually-hidden">Sound for critical alerts</span>
    </button>
    <span class="visually-hidden" role="alert">${spoken.value}</span>
  </span>`;
}

const spoken = signal("");

/** Say what newly fires, once: an alert that goes on is on the screen and needs no repeating. */
function tell(firing) {
  const names = firing.map(({ rule, label, since }) => `${rule}|${label}|${since}`);
  const fresh = firing.filter(
    ({ severity }, at) => severity === "critical" && !known.has(names[at]),
  );
  known.clear();
  for (const name of names) known.add(name);
  if (fresh.length === 0) return;
  spoken.value = fresh.map(({ title, seen }) => `${title}: ${seen}`).join(". ");
  if (sound.value) beep();
}

/** Switch the sound for critical alerts on or off. */
export function flipSound() {
  sound.value = !sound.value;
  if (sound.value) beep(); // heard at once, and allowed by the browser because of the press
}

function beep() {
  const audio = new AudioContext();
  const tone = new OscillatorNode(audio, { frequency: 660 });
  const loudness = new GainNode(audio, { gain: 0.08 });
  tone.connect(loudness).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.35);
  tone.onended = () => audio.close();
}

effect(() => {
  try {
    globalThis.localStorage?.setItem(KEY, sound.value ? "on" : "off");
  } catch {
    // Storage may be forbidden: the choice then lasts as long as the page.
  }
});

function stored() {
  try {
    return globalThis.localStorage?.getItem(KEY) === "on";
  } catch {
    return false;
  }
}
