/** A dialog above the page: the browser keeps the focus in it, and closes it on Escape. */

import { useLayoutEffect, useRef } from "preact/hooks";

import { html } from "./html.js";
import { Icon } from "./icons.js";

/** Shown while it is rendered; `onClose` must take it away. */
export function Dialog({ id, title, onClose, testid, children }) {
  const element = useRef(null);
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  // A press on what lies behind it, which is the dialog's own backdrop.
  const outside = (event) => event.target === element.current && onClose();
  return html`<dialog
    ref=${element}
    class="dialog"
    aria-labelledby=${`${id}-title`}
    data-testid=${testid}
    onClose=${onClose}
    onClick=${outside}
  >
    <div class="dialog-body">
      <header class="panel-head">
        <h2 id=${`${id}-title`}>${title}</h2>
        <button type="button" class="button quiet dialog-close" onClick=${onClose}>
          <${Icon} name="close" /><span class="visually-hidden">Close</span>
        </button>
      </header>
      <div class="panel-body">${children}</div>
    </div>
  </dialog>`;
}
