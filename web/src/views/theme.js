/** Light, dark, or as the system says; the choice stays in this browser. */

import { signal } from "@preact/signals";

const KEY = "callboard.theme";
const CHOICES = ["system", "light", "dark"];

export const theme = signal(stored());

/** Go to the next choice and remember it. */
export function nextTheme() {
  theme.value = CHOICES[(CHOICES.indexOf(theme.value) + 1) % CHOICES.length];
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // Storage may be forbidden: the choice then lasts as long as the page.
  }
  applyTheme();
}

/** Put the choice where the style sheet looks for it. */
export function applyTheme() {
  document.documentElement.dataset.theme = theme.value;
}

function stored() {
  try {
    const found = localStorage.getItem(KEY);
    return CHOICES.includes(found) ? found : "system";
  } catch {
    return "system";
  }
}
