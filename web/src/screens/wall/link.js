/** A one-time link that signs a screen on the wall in, to look at it only. */

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";

import { Dialog } from "../../views/dialog.js";
import { html } from "../../views/html.js";

const MINUTES = 60;

export function LinkDialog({ page, onClose }) {
  const made = useSignal(null);
  const complaint = useSignal("");
  const busy = useSignal(false);
  const make = async () => {
    busy.value = true;
    complaint.value = "";
    try {
      const body = { page: "wall", minutes: MINUTES };
      made.value = await page.ask("/api/session/links", { method: "POST", body });
    } catch (error) {
      complaint.value = `No link was made: ${error.message}.`;
    }
    busy.value = false;
  };
  return html`<${Dialog}
    id="wall-link"
    title="A link for a screen on the wall"
    onClose=${onClose}
    testid="wall-link"
  >
    <p>
      It opens this wall, with these pages, on another screen: once, and to look only.
      Whoever has it first is in.
    </p>
    ${made.value
      ? html`<${Made} board=${page.board} made=${made.value} />`
      : html`<button type="button" class="button primary" disabled=${busy.value} onClick=${make}>
          Make the link
        </button>`}
    <p class="complaint" role="alert">${complaint}</p>
  <//>`;
}

function Made({ board, made }) {
  const box = useRef(null);
  const words = useSignal("");
  const until = board.zone.value.moment(Date.parse(made.expiresAt), board.wall.peek());
  const copy = async () => {
    const input = box.current;
    input.select();
    words.value = (await copied(input.value)) ? "Copied." : "Press Ctrl+C to copy it.";
  };
  return html`
    <div class="wall-link">
      <input
        ref=${box}
        readonly
        name="link"
        aria-label="Link"
        value=${asHere(made.url)}
        onFocus=${() => box.current.select()}
      />
      <button type="button" class="button" onClick=${copy}>Copy</button>
    </div>
    <p class="hint" role="status">${words.value} Shown only now; good until ${until}.</p>
  `;
}

/** Return the link with the pages and the rotation that are chosen here. */
function asHere(url) {
  const link = new URL(url, location.href);
  link.search = location.search;
  return link.href;
}

/** Copy the text that is selected; without HTTPS browsers have but the old way. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}
