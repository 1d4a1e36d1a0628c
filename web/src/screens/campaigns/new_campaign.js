/** A form for those who may: a campaign with a name, and how many it is to call. */

import { hrefOf } from "../../store/route.js";
import { html } from "../../views/html.js";
import { Problem, useWrite } from "./parts.js";

export function NewCampaign({ page, open }) {
  const { busy, error, run } = useWrite();
  const create = (event) => {
    event.preventDefault();
    const { name, totalContacts } = event.currentTarget.elements;
    const body = { name: name.value.trim() };
    if (totalContacts.value) body.totalContacts = Number(totalContacts.value);
    return run(async () => {
      const { campaignId: id } = await page.ask("/api/campaigns", { method: "POST", body });
      page.address.go(hrefOf("campaign", { id }));
    });
  };
  return html`<details class="panel new-campaign" open=${open} data-testid="new-campaign">
    <summary>New campaign</summary>
    <form class="panel-body" onSubmit=${create}>
      <label class="field">Name <input name="name" required maxlength="200" autocomplete="off" /></label>
      <label class="field">
        Contacts
        <input type="number" name="totalContacts" min="0" placeholder="if known" />
      </label>
      <button class="button primary" disabled=${busy}>Create</button>
    </form>
    <${Problem} text=${error} />
  </details>`;
}
