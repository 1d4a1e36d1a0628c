/** The keys of the board: what is pressed, and what it does. No key acts while somebody types. */

// Two keys that are pressed further apart are two keys.
export const SECOND_KEY_MS = 1_500;

/** After `g`: which key leads to which screen. */
export const GO = {
  n: "now",
  l: "live",
  c: "campaigns",
  a: "analytics",
  k: "calls",
  b: "alerts",
  s: "system",
  w: "wall",
};

/** What the help dialog lists. */
export const KEYS = [
  { keys: ["?"], words: "Show these keys" },
  { keys: ["/"], words: "Search: number, call SID, conversation" },
  { keys: ["p"], words: "Pause, and let the board move again" },
  { keys: ["g", "n"], words: "Go to Now" },
  { keys: ["g", "l"], words: "Go to Live calls" },
  { keys: ["g", "c"], words: "Go to Campaigns" },
  { keys: ["g", "a"], words: "Go to Analytics" },
  { keys: ["g", "k"], words: "Go to Calls" },
  { keys: ["g", "b"], words: "Go to Alerts (the bell)" },
  { keys: ["g", "s"], words: "Go to System" },
  { keys: ["g", "w"], words: "Go to Wall" },
  { keys: ["Esc"], words: "Close what is open" },
];

/** No first key waits for its second. */
export const NO_KEY = { key: null, at: -Infinity };

/**
 * Return `{waiting, action}` of a key that was pressed at `at`, in milliseconds.
 *
 * `waiting` is the state for the next key. An action is `{does: "help" | "pause" | "search"}`,
 * `{does: "go", screen}`, or null.
 */
export function pressed(waiting, key, at) {
  if (waiting.key === "g" && at - waiting.at <= SECOND_KEY_MS && Object.hasOwn(GO, key)) {
    return { waiting: NO_KEY, action: { does: "go", screen: GO[key] } };
  }
  if (key === "g") return { waiting: { key, at }, action: null };
  const does = { "?": "help", "/": "search", p: "pause" };
  const action = Object.hasOwn(does, key) ? { does: does[key] } : null;
  return { waiting: NO_KEY, action };
}

/** Tell whether a key press is for the board: not part of a shortcut, and nobody types. */
export function isForBoard({ ctrlKey, metaKey, altKey, defaultPrevented, isComposing, repeat }, typing) {
  if (ctrlKey || metaKey || altKey || isComposing || repeat) return false;
  return !defaultPrevented && !typing;
}
