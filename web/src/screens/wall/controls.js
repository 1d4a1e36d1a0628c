/** The wall's controls: small, at the top right, there when somebody moves or comes by keyboard. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { hrefOf } from "../../store/route.js";
import { PAGES, wallQuery, withPage } from "../../store/wall.js";
import { AlertsBell } from "../../views/bell.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";
import { nextTheme, theme } from "../../views/theme.js";
import { LinkDialog } from "./link.js";

const AWAKE_MS = 4_000;
const PAGE_WORDS = { figures: "Figures", campaigns: "Campaigns", hours: "Hours" };
const ROTATIONS = [0, 10, 20, 30, 60, 300];

export function Controls({ page, wall, onNext }) {
  const linking = useSignal(false);
  const set = (changes) => page.address.set(wallQuery({ ...wall, ...changes }));
  const isAdmin = page.board.session.value?.scopes.includes("admin");
  return html`<div class="wall-controls" role="group" aria-label="Wall">
    <a class="button" href=${hrefOf("now")}><${Icon} name="back" />Board</a>
    <div class="chips" role="group" aria-label="Pages to show">
      ${PAGES.map(
        (name) => html`<button
          key=${name}
          type="button"
          class="chip"
          aria-pressed=${String(wall.pages.includes(name))}
          onClick=${() => set({ pages: withPage(wall.pages, name) })}
        >
          ${PAGE_WORDS[name]}
        </button>`,
      )}
    </div>
    ${wall.pages.length > 1 && html`<${Rotation} wall=${wall} set=${set} onNext=${onNext} />`}
    <${FullScreen} />
    <button type="button" class="button quiet" title=${`Theme: ${theme.value}`} onClick=${nextTheme}>
      <${Icon} name=${theme.value} /><span class="visually-hidden">Theme: ${theme.value}. Change</span>
    </button>
    <${AlertsBell} page=${page} />
    ${isAdmin &&
    html`<button type="button" class="button" onClick=${() => (linking.value = true)}>
      Make a link for a screen on the wall
    </button>`}
    ${linking.value && html`<${LinkDialog} page=${page} onClose=${() => (linking.value = false)} />`}
  </div>`;
}

function Rotation({ wall, set, onNext }) {
  const choices = [...new Set([...ROTATIONS, wall.rotate])].sort((a, b) => a - b);
  return html`
    <label class="field">
      Turn
      <select
        name="rotate"
        value=${wall.rotate}
        onChange=${(event) => set({ rotate: Number(event.target.value) })}
      >
        ${choices.map(
          (seconds) => html`<option key=${seconds} value=${seconds}>
            ${seconds ? `every ${seconds} s` : "never"}
          </option>`,
        )}
      </select>
    </label>
    <button type="button" class="button" onClick=${onNext}>Next</button>
  `;
}

function FullScreen() {
  const full = useSignal(Boolean(document.fullscreenElement));
  useEffect(() => {
    const changed = () => (full.value = Boolean(document.fullscreenElement));
    document.addEventListener("fullscreenchange", changed);
    return () => document.removeEventListener("fullscreenchange", changed);
  }, []);
  if (!document.fullscreenEnabled) return null;
  const flip = () => {
    const done = full.value ? document.exitFullscreen() : document.documentElement.requestFullscreen();
    done.catch(() => null); // a browser may refuse: the button still says what is
  };
  return html`<button type="button" class="button" aria-pressed=${String(full.value)} onClick=${flip}>
    Full screen
  </button>`;
}

/** Whether somebody has just moved or pressed something; at first, and then for a while. */
export function useAwake() {
  const awake = useSignal(true);
  useEffect(() => {
    let timer = null;
    const wake = () => {
      awake.value = true;
      clearTimeout(timer);
      timer = setTimeout(() => (awake.value = false), AWAKE_MS);
    };
    const events = ["pointermove", "pointerdown", "keydown", "focusin"];
    for (const name of events) addEventListener(name, wake);
    wake();
    return () => {
      clearTimeout(timer);
      for (const name of events) removeEventListener(name, wake);
    };
  }, []);
  return awake.value;
}

/** Keep the screen on for as long as this is shown and seen, where the browser can. */
export function useWakeLock() {
  useEffect(() => {
    let lock = null;
    let gone = false;
    const want = async () => {
      if (document.hidden || (lock && !lock.released)) return;
      // It needs HTTPS, and a low battery may refuse it: the screen then goes dark as it would.
      lock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
      if (gone) lock?.release();
    };
    want();
    document.addEventListener("visibilitychange", want); // the browser lets go when hidden
    return () => {
      gone = true;
      document.removeEventListener("visibilitychange", want);
      lock?.release();
    };
  }, []);
}
