/** Templates without a compile step: the source runs as it is in browsers and in Node. */

import htm from "htm";
import { h } from "preact";

export const html = htm.bind(h);
