/** What both screens of campaigns are made of. */

import { useSignal } from "@preact/signals";

import { ICONS } from "../../store/campaigns.js";
import { sentence } from "../../store/statuses.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";

export function CampaignState({ state }) {
  return html`<span class="badge badge-${state} campaign-state">
    <${Icon} name=${ICONS[state]} />${sentence(state)}
  </span>`;
}

/** Tell whether who is signed in may change campaigns. */
export function mayWrite({ board }) {
  const scopes = board.session.value?.scopes ?? [];
  return scopes.includes("write") || scopes.includes("admin");
}

/** A change that is under way, or failed: `{busy, error, run}`; `run` answers whether it was made. */
export function useWrite() {
  const busy = useSignal(false);
  const error = useSignal(null);
  const run = async (change) => {
    busy.value = true;
    error.value = null;
    try {
      await change();
      return true;
    } catch (problem) {
      error.value = problem.message;
      return false;
    } finally {
      busy.value = false;
    }
  };
  return { busy: busy.value, error: error.value, run };
}

export function Problem({ text }) {
  return text && html`<p class="panel-problem" role="alert"><${Icon} name="alert" /> ${text}</p>`;
}
