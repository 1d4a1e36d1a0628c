/** What somebody typed into the search box, as a screen to go to. */

// Also inside a pasted address, such as that of a call in a vendor's console.
const SID = /(?<![0-9a-z])CA[0-9a-f]{32}(?![0-9a-z])/i;
const CONVERSATION = /(?<![0-9a-z])conv_[0-9a-z]+/i;

// What may stand in a number for people: blanks, brackets, dots, slashes and every kind of dash.
const FOR_PEOPLE = /[\s().\-/\u2010-\u2015\u2212]/g;

/**
 * Return `{screen, id, query}`; `screen` is null when nothing was typed.
 *
 * Words are no number: among the live calls names are found, in the archive nobody's are.
 */
export function readSearch(typed) {
  const text = typed.trim().slice(0, 200);
  if (text === "") return { screen: null, id: null, query: {} };
  const [sid] = SID.exec(text) ?? [];
  if (sid) return { screen: "call", id: `CA${sid.slice(2).toLowerCase()}`, query: {} };
  const [conversation] = CONVERSATION.exec(text) ?? [];
  if (conversation) return { screen: "calls", id: null, query: { conversation } };
  const number = asNumber(text);
  if (isNumber(number)) return { screen: "calls", id: null, query: { number } };
  return { screen: "live", id: null, query: { q: text } };
}

/** Return a phone number as the vendors write it: brackets, blanks and dashes are for people. */
export function asNumber(text) {
  const bare = text
    .trim()
    .replace(/^tel:/i, "")
    .replace("(0)", "") // dialled only inside the country
    .replaceAll(FOR_PEOPLE, "")
    .replace(/^00/, "+");
  if (!/^\+?\d{4,}$/.test(bare)) return text.trim();
  return bare.startsWith("+") ? bare : `+${bare}`;
}

/** Tell a phone number, or the address of a SIP phone or of a browser, from a name. */
function isNumber(text) {
  return /^\+\d+$/.test(text) || /^(?:sips?|client|whatsapp):\S+$/i.test(text);
}
