/** Icons as strokes in the text's colour. Always decoration: the word beside them is the text. */

import { html } from "./html.js";

const PHONE =
  "M3 3.2c0 5.4 4.4 9.8 9.8 9.8l.7-2.7-2.7-1.2-1.1 1.2a7.4 7.4 0 0 1-4-4l1.2-1.1L5.7 2.5z";

const PATHS = {
  queued: "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM8 5v3.2l2.2 1.4",
  initiated: "M3 13 12.5 3.5M6.5 3.5h6v6",
  ringing: "M4 11V7.5a4 4 0 0 1 8 0V11l1 1.2H3zM6.8 14h2.4M1.6 5.4a7 7 0 0 1 1.6-3M14.4 5.4a7 7 0 0 0-1.6-3",
  "in-progress": PHONE,
  completed: "M3 8.5 6.5 12 13 4.5",
  busy: "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM5.2 8h5.6",
  failed: "M4 4l8 8M12 4l-8 8",
  "no-answer": "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM8 5v3.6M8 10.8v.2",
  canceled: "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM4.2 4.2l7.6 7.6",
  unknown: "M6 6a2 2 0 1 1 2.6 1.9c-.4.2-.6.5-.6 1V10M8 12v.2",
  inbound: "M13 3 4 12M4 6v6h6",
  outbound: "M3 13l9-9M6 4h6v6",
  system: "M2 3.5h12v7.5H2zM6 14h4M8 11v3",
  light: "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6zM8 1.2v1.6M8 13.2v1.6M1.2 8h1.6M13.2 8h1.6M3.2 3.2l1.1 1.1M11.7 11.7l1.1 1.1M3.2 12.8l1.1-1.1M11.7 4.3l1.1-1.1",
  dark: "M13 9.6A5.6 5.6 0 0 1 6.4 3a5.6 5.6 0 1 0 6.6 6.6z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  resume: "M5 3.2v9.6L12.5 8z",
  leave: "M9.5 2.5H3v11h6.5M6.5 8H14M11.5 5.5 14 8l-2.5 2.5",
  up: "M4 10l4-4 4 4",
  down: "M4 6l4 4 4-4",
  alert: "M8 2 14.5 13.5h-13zM8 6.5v3.2M8 11.6v.1",
  now: "M2.5 9.5 5.5 6.5l2.5 2.5 5.5-5.5M9.8 3.5h3.7v3.7M2.5 13.5h11",
  campaigns: "M3 6.2v3.6h2.2L11.5 13V3L5.2 6.2zM13.6 6.4v3.2",
  analytics: "M3 13.5V9M6.5 13.5V5M10 13.5V7.5M13.5 13.5V3",
  calls: "M5.5 4h8M5.5 8h8M5.5 12h8M2.4 4h.2M2.4 8h.2M2.4 12h.2",
  bell: "M4 10.5V7a4 4 0 0 1 8 0v3.5l1 1.2H3zM6.8 13.8h2.4",
  muted: "M2.5 6.2v3.6h2.4L8 12.5v-9L4.9 6.2zM10.5 6.2l3.4 3.6M13.9 6.2l-3.4 3.6",
  sound: "M2.5 6.2v3.6h2.4L8 12.5v-9L4.9 6.2zM10.5 5.8a3 3 0 0 1 0 4.4M12.4 4a5.6 5.6 0 0 1 0 8",
  server: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.2M5 11h.2",
  download: "M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13.5h10",
  back: "M9.5 3.5 5 8l4.5 4.5",
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.3 10.3 14 14",
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
    <path d=${PATHS[name] ?? PATHS.unknown} />
  </svg>`;
}

/** The wordmark's sign: three bars of a call board, one of them live. */
export function Mark() {
  return html`<svg class="mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <rect class="mark-ground" width="24" height="24" rx="6" />
    <rect class="mark-bar" x="5" y="6" width="9" height="2.6" rx="1.3" />
    <rect class="mark-live" x="5" y="10.7" width="14" height="2.6" rx="1.3" />
    <rect class="mark-bar" x="5" y="15.4" width="6" height="2.6" rx="1.3" />
  </svg>`;
}
