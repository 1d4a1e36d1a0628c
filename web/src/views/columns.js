/** Columns over a row of slots (hours, quarters, buckets), with a table for everyone else. */

import { count } from "../store/format.js";
import { html } from "./html.js";

const HEIGHT = 64;
const SLOT = 10;

/**
 * A column chart. `bars` are `{key, label, axis, value, ghosts, parts, href, title, isNow, tone}`:
 * `axis` is the short text below ("" for none), `ghosts` other values drawn as lines, `parts` what
 * the value is stacked of; either in the order of `ghostNames`. `caption` names it all, `unit`
 * what is counted ("Calls"). `format` writes a value.
 */
export function Columns({ bars, caption, head, unit, ghostNames = [], format = count, testid }) {
  const tallest = Math.max(1, ...bars.flatMap(({ value, ghosts = [] }) => [value ?? 0, ...ghosts]));
  return html`<div class="columns-chart" data-testid=${testid}>
    <svg
      viewBox=${`0 0 ${bars.length * SLOT} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="group"
      aria-label=${caption}
    >
      ${bars.map(
        (bar, at) =>
          html`<${Column} key=${bar.key} ...${bar} x=${at * SLOT} tallest=${tallest} format=${format} />`,
      )}
    </svg>
    <div class="columns-axis" aria-hidden="true">
      ${bars.map(
        ({ key, axis, isNow }) => html`<span key=${key} class=${isNow ? "is-now" : ""}>${axis}</span>`,
      )}
    </div>
    <div class="visually-hidden">
      <table>
        <caption>${caption}</caption>
        <thead>
          <tr>
            <th scope="col">${head}</th>
            <th scope="col">${unit}</th>
            ${ghostNames.map((name) => html`<th key=${name} scope="col">${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${bars.map(
            ({ key, label, value, parts, ghosts = parts ?? [] }) => html`<tr key=${key}>
              <th scope="row">${label}</th>
              <td>${format(value)}</td>
              ${ghosts.map((ghost, at) => html`<td key=${ghostNames[at]}>${format(ghost)}</td>`)}
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </div>`;
}

function Column({ x, value, ghosts = [], parts, tallest, href, title, label, isNow, tone, format }) {
  // A slot with any call shows at least a sliver: one must be told from none.
  const height = value ? Math.max(2, (value / tallest) * HEIGHT) : 0;
  const box = { x: x + 1.5, width: SLOT - 3 };
  let y = HEIGHT;
  const drawn = html`
    <rect class="column-slot" x=${x + 0.5} y="0" width=${SLOT - 1} height=${HEIGHT}>
      <title>${title ?? `${label}: ${format(value)}`}</title>
    </rect>
    ${parts
      ? parts.map((part, at) => {
          const share = (part / tallest) * HEIGHT;
          y -= share;
          return html`<rect key=${at} class=${`column-bar part part-${at}`} ...${{ ...box, y }} height=${share} />`;
        })
      : html`<rect class="column-bar" ...${box} y=${HEIGHT - height} height=${height} />`}
    ${ghosts.map((ghost, at) => {
      const y = HEIGHT - (ghost / tallest) * HEIGHT;
      return html`<line
        key=${at}
        class=${`column-ghost ghost-${at}`}
        x1=${x + 0.5}
        x2=${x + SLOT - 0.5}
        y1=${y}
        y2=${y}
        hidden=${!ghost}
      />`;
    })}
  `;
  const names = `column${isNow ? " is-now" : ""}${tone ? ` column-${tone}` : ""}`;
  if (!href) return html`<g class=${names} data-value=${value}>${drawn}</g>`;
  return html`<a class=${names} data-value=${value} href=${href} aria-label=${title ?? label}>${drawn}</a>`;
}
