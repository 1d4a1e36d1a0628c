/** Calls: whatever was, by any of its marks, and why those failed that did. */

import { effect } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";

import { readCallQuery } from "../store/call_query.js";
import { html } from "../views/html.js";
import { listOf } from "./calls/call_list.js";
import { Filters } from "./calls/filters.js";
import { Results } from "./calls/results.js";
import { Views } from "./calls/views.js";

export function CallsScreen({ page }) {
  const { query } = page.address.route.value;
  const asked = JSON.stringify(query);
  const { filter, ignored } = useMemo(() => readCallQuery(query), [asked]);
  const list = listOf(page);
  useEffect(() => void list.open(filter), [asked]);
  useEffect(() => effect(() => follow(page.board, list)), []);
  useEffect(() => effect(() => retry(page.board, list)), []);
  return html`
    <div class="screen-head">
      <h2>Calls</h2>
      <${Views} page=${page} filter=${filter} />
    </div>
    <${Filters} page=${page} filter=${filter} ignored=${ignored} />
    <${Results} page=${page} list=${list} filter=${filter} />
  `;
}

/** Take what the board shows; it stands still while paused. */
function follow(board, list) {
  board.live.value;
  board.recent.value;
  if (board.pausedAt.peek() === null) list.observe();
}

/** What could not be read while nobody answered is read when somebody does. */
function retry(board, list) {
  const isBack = board.connection.value.state === "live";
  if (isBack && list.state.peek().error && list.filter) list.reload();
}
