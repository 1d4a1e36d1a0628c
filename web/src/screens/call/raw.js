/** The call as it is stored, for who wants to see what the words above are made of. */

import { html } from "../../views/html.js";
import { Panel } from "../../views/panel.js";

const PARTS = [
  ["twilio", "What Twilio said"],
  ["elevenlabs", "What ElevenLabs said"],
];

export function Raw({ call }) {
  const { twilio, elevenlabs, ...own } = call;
  const said = { twilio, elevenlabs };
  return html`<${Panel} id="raw" title="Raw" testid="raw">
    <div class="panel-body raw">
      <${Part} title="The call" value=${own} />
      ${PARTS.map(([name, title]) => said[name] && html`<${Part} key=${name} title=${title} value=${said[name]} />`)}
    </div>
  <//>`;
}

function Part({ title, value }) {
  return html`<details>
    <summary>${title}</summary>
    <pre tabindex="0">${JSON.stringify(value, null, 2)}</pre>
  </details>`;
}
