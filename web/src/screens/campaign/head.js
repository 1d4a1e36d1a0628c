/** The campaign's name and state, and what may be done with it. */

import { useSignal } from "@preact/signals";

import { queryText } from "../../store/route.js";
import { Dialog } from "../../views/dialog.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";
import { CampaignState, mayWrite, Problem, useWrite } from "../campaigns/parts.js";

export function Head({ page, id, path, status: { name, status } }) {
  const csv = `/api/calls.csv${queryText({ campaignId: id })}`;
  return html`<div class="screen-head">
    <h2>${name}</h2>
    <span data-field="state" data-value=${status}><${CampaignState} state=${status} /></span>
    <code class="hint">${id}</code>
    <div class="panel-actions">
      ${mayWrite(page) && html`<${Actions} page=${page} path=${path} name=${name} state=${status} />`}
      <a class="button" href=${csv} download><${Icon} name="download" /> CSV of its calls</a>
    </div>
  </div>`;
}

function Actions({ page, path, name, state }) {
  const { busy, error, run } = useWrite();
  const asked = useSignal(false);
  const become = (status) => {
    asked.value = false;
    return run(async () => {
      await page.ask(path, { method: "PATCH", body: { status } });
      page.reads.again();
    });
  };
  const close = () => (asked.value = false);
  const button = (icon, word, onClick) =>
    html`<button type="button" class="button" disabled=${busy} onClick=${onClick}>
      <${Icon} name=${icon} /> ${word}
    </button>`;
  return html`<${Problem} text=${error} />
    ${state === "active"
      ? button("pause", "Pause", () => become("paused"))
      : button("resume", state === "paused" ? "Resume" : "Start", () => become("active"))}
    ${state !== "completed" && button("completed", "Complete", () => (asked.value = true))}
    ${asked.value &&
    html`<${Dialog} id="complete" title="Complete this campaign?" onClose=${close} testid="confirm">
      <p>${name}: its calls and figures stay.</p>
      <p class="dialog-actions">
        <button type="button" class="button primary" onClick=${() => become("completed")}>Complete</button>
        <button type="button" class="button" onClick=${close}>Cancel</button>
      </p>
    <//>`}`;
}
