/** What a call cost, by whom; credits and money stay apart, and so do currencies. */

import { UNKNOWN } from "./format.js";

/**
 * Return `{twilio, elevenlabs, totals, isWhole}` of a call.
 *
 * `twilio` is `{amount, currency}`, `elevenlabs` `{amount, currency, credits, llm}`; null for
 * what nobody has told. `totals` are `[currency, amount]`; `isWhole` says that both have told.
 */
export function costOf(call) {
  const twilio = priceOf(call.twilio);
  const elevenlabs = chargeOf(call);
  const totals = new Map();
  for (const part of [twilio, elevenlabs]) {
    if (part === null || part.amount === null) continue;
    totals.set(part.currency, (totals.get(part.currency) ?? 0) + part.amount);
  }
  const spoke = call.conversationId !== null && call.conversationId !== undefined;
  const isWhole = twilio !== null && (!spoke || elevenlabs?.amount != null);
  return { twilio, elevenlabs, totals: [...totals], isWhole };
}

/** Return a cost in a few words: $0.107, "≥" while a part of it is still unknown. */
export function costWords(call) {
  const { elevenlabs, totals, isWhole } = costOf(call);
  if (totals.length > 0) {
    const words = totals.map(([currency, amount]) => money(amount, currency)).join(" + ");
    return isWhole ? words : `≥ ${words}`;
  }
  return elevenlabs?.credits == null ? UNKNOWN : `${elevenlabs.credits} credits`;
}

/** Return an amount of money; cents of a cent matter where calls cost a few. */
export function money(amount, currency) {
  try {
    return new Intl.NumberFormat("en", {
      style: "currency",
      currency,
      minimumFractionDigits: 2,
      maximumFractionDigits: 4,
    }).format(amount);
  } catch {
    return `${amount} ${currency}`; // a currency that nobody knows
  }
}

/** Twilio's price is negative: what was taken from the account. */
function priceOf(said) {
  const amount = Math.abs(Number(said?.price ?? NaN));
  return Number.isNaN(amount) ? null : { amount, currency: said.priceUnit ?? "USD" };
}

function chargeOf(call) {
  const { cost = null, costUsd = null, llmUsd = null } = call.elevenlabs?.conversation ?? {};
  const credits = cost ?? call.cost ?? null;
  if (credits === null && costUsd === null) return null;
  return { amount: costUsd, currency: "USD", credits, llm: llmUsd };
}
