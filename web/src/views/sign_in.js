/** What is shown instead of the board: the sign-in form, or that nobody answers. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { html } from "./html.js";
import { Icon } from "./icons.js";

export function SignIn({ feed }) {
  const busy = useSignal(false);
  const complaint = useSignal(feed.complaint);
  const field = useRef(null);
  useEffect(() => field.current?.focus(), []);

  const submit = async (event) => {
    event.preventDefault();
    const key = field.current.value.trim();
    if (!key || busy.value) return;
    busy.value = true;
    complaint.value = await feed.signIn(key);
    busy.value = false;
    if (complaint.value) field.current?.select();
  };

  return html`<main class="centre">
    <form class="card sign-in" data-testid="sign-in" onSubmit=${submit}>
      <h2>Sign in</h2>
      <label for="key">API key</label>
      <input
        id="key"
        ref=${field}
        name="key"
        type="password"
        autocomplete="current-password"
        spellcheck=${false}
        required
        aria-describedby="key-hint"
        aria-invalid=${complaint.value ? "true" : null}
      />
      <p class="hint" id="key-hint">
        Printed once when the server first started, or made by <code>callboard keys add</code>.
      </p>
      <p class="complaint" role="alert">${complaint}</p>
      <button type="submit" class="button primary" disabled=${busy.value}>
        ${busy.value ? "Signing in…" : "Sign in"}
      </button>
    </form>
  </main>`;
}

export function Unreachable({ board, feed }) {
  const { since } = board.connection.value;
  return html`<main class="centre">
    <div class="card">
      <h2><${Icon} name="alert" /> The server does not answer</h2>
      <p class="hint">
        ${since !== null && `Since ${board.zone.value.time(since)} ${board.zone.value.zone}. `}
        The board keeps trying and appears by itself.
      </p>
      <button type="button" class="button" onClick=${() => feed.retryNow()}>Try now</button>
    </div>
  </main>`;
}
