/** The local day and hour that it is now, for components that show today's figures. */

import { useComputed } from "@preact/signals";

import { dayBegins, dayOf } from "../store/days.js";

/**
 * Return `{day, hour, zone, since}`: the local date, the hour (0-23), the zone's name and the
 * instant at which the day began. Rendered anew when the hour changes, not with every second.
 */
export function useToday(board) {
  const day = useComputed(() => dayOf(board.wall.value, board.zone.value.zone));
  const hour = useComputed(() => board.zone.value.hour(board.wall.value));
  const { zone } = board.zone.value;
  return { day: day.value, hour: hour.value, zone, since: dayBegins(day.value, zone) };
}
