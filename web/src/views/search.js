/** One box for everything that names a call: its SID, a conversation's id, a phone number. */

import { useRef } from "preact/hooks";

import { readSearch } from "../store/search.js";
import { hrefOf } from "../store/route.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

export function Search({ page }) {
  const field = useRef(null);
  const submit = async (event) => {
    event.preventDefault();
    const { screen, id, query } = readSearch(field.current.value);
    if (screen === null) return;
    field.current.blur();
    field.current.value = "";
    const only = query.conversation ? await onlyCallOf(page, query.conversation) : null;
    page.address.go(only ? hrefOf("call", { id: only }) : hrefOf(screen, { id, query }));
  };
  return html`<form class="top-search search" role="search" onSubmit=${submit}>
    <${Icon} name="search" />
    <label class="visually-hidden" for="search">Find calls by number, call SID or conversation</label>
    <input
      id="search"
      ref=${field}
      type="search"
      name="search"
      placeholder="Number, SID, conversation"
      title="Press / to search"
      autocomplete="off"
      spellcheck=${false}
    />
  </form>`;
}

/** Return the SID of the one call that a conversation belongs to, null when it is not one. */
async function onlyCallOf(page, conversation) {
  const asked = new URLSearchParams({ conversationId: conversation, limit: 2 });
  try {
    const { calls } = await page.ask(`/api/calls?${asked}`);
    return calls.length === 1 ? calls[0].sid : null;
  } catch {
    return null; // the screen of the calls says what is wrong
  }
}
