/** SIP response codes in words: what a person should take from why a call failed. */

const HINTS = [
  { codes: [401, 407], words: "login refused" },
  { codes: [404, 410, 484, 604], words: "no such number" },
  { codes: [480], words: "unreachable" },
  { codes: [486, 600], words: "busy" },
  { codes: [487], words: "canceled" },
  { codes: [403, 603, 607, 608], words: "refused or blocked" },
  { codes: [408], words: "timeout" },
  { codes: [415, 488, 606], words: "no common codec" },
];

const BY_CODE = new Map(HINTS.flatMap(({ codes, words }) => codes.map((code) => [code, words])));

const BY_STATUS = {
  busy: "the line was engaged",
  "no-answer": "it rang, nobody picked up",
  canceled: "hung up before an answer",
};

/** Return what a SIP code means for the caller, null for one that says nothing of use. */
export function hintOf(code) {
  const number = Number(code);
  const known = BY_CODE.get(number);
  if (known !== undefined) return known;
  return number >= 500 && number < 600 ? "carrier trouble" : null;
}

/**
 * Return why calls with a status and a code (null: untold) did not come about; null: nobody knows.
 * What Twilio calls busy, unanswered or canceled is that, whatever the code.
 */
export function meaningOf(status, code) {
  return BY_STATUS[status] ?? (code === null ? null : hintOf(code));
}
