/**
 * Where an update stands against the state we hold.
 *
 * Offsets grow by exactly one within an epoch, so anything else than the next one is either
 * already known or proof that something was missed.
 */

/** Return "next", "old" or "gap" for an update that must follow `held` without a hole. */
export function follows(held, position) {
  if (!held || !position || held.epoch !== position.epoch) return "gap";
  if (position.offset <= held.offset) return "old";
  return position.offset === held.offset + 1 ? "next" : "gap";
}

/**
 * Return whether a whole state at `position` should replace the one at `held`.
 *
 * A state without a position was read straight from the database: it is current by definition.
 */
export function supersedes(held, position) {
  if (!held || !position) return true;
  return held.epoch !== position.epoch || position.offset > held.offset;
}
