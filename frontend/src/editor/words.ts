/** Title, caption, date and the gift message, with suggestions by occasion; what is wrong is said beside the field. */
import { make, need } from "../parts/dom";
import type { DraftKeeper, Options } from "./draft";
import type { Offer } from "./offer";

type Text = "title" | "caption" | "date" | "recipient" | "message";
const TEXTS: Text[] = ["title", "caption", "date", "recipient", "message"];

export class Words {
  constructor(
    private readonly keeper: DraftKeeper,
    private readonly offer: Offer,
  ) {
    for (const name of TEXTS) {
      const field = this.field(name);
      field.addEventListener("input", () => keeper.change({ [name]: field.value }));
    }
    const download = need<HTMLInputElement>('[data-option="allow_download"]');
    download.addEventListener("change", () => keeper.change({ allow_download: download.checked }));
    const occasion = need<HTMLSelectElement>("[data-occasion]");
    occasion.append(...offer.occasions.map((each) => make("option", { value: each.id }, each.name)));
    occasion.addEventListener("change", () => this.suggest(occasion.value));
    keeper.listen(() => this.show());
    this.show();
    const { recipient, message } = keeper.options;
    if (recipient || message) need<HTMLDetailsElement>("details.gift").open = true;
  }

  private field(name: Text): HTMLInputElement | HTMLTextAreaElement {
    return need(`[data-option="${name}"]`);
  }

  /** Fields follow the draft, but never under the customer's fingers. */
  private show(): void {
    const { options } = this.keeper;
    for (const name of TEXTS) {
      const field = this.field(name);
      if (document.activeElement !== field && !field.hasAttribute("aria-invalid")) field.value = options[name];
    }
    need<HTMLInputElement>('[data-option="allow_download"]').checked = options.allow_download;
  }

  private suggest(id: string): void {
    const list = need("[data-suggestions]");
    const found = this.offer.occasions.find((each) => each.id === id)?.suggestions ?? [];
    list.hidden = !found.length;
    list.replaceChildren(
      ...found.map(({ title, caption }) => {
        const button = make("button", { type: "button", class: "suggestion" }, make("strong", {}, title), caption && make("span", {}, caption));
        button.addEventListener("click", () => this.put({ title, caption }));
        return make("li", {}, button);
      }),
    );
  }

  private put(texts: Pick<Options, "title" | "caption">): void {
    this.field("title").value = texts.title;
    this.field("caption").value = texts.caption;
    this.keeper.change(texts);
  }
}

/** Says a problem beside the field of the option that it is about; false if there is no such field. */
export function sayBeside(option: string, text: string): boolean {
  const place = document.getElementById(`problem-${option}`);
  if (!place) return false;
  place.textContent = text;
  document.querySelector(`[data-option="${option}"]`)?.setAttribute("aria-invalid", "true");
  const fold = place.closest("details");
  if (fold) fold.open = true;
  return true;
}

export function clearBeside(): void {
  for (const place of document.querySelectorAll('[id^="problem-"]')) place.textContent = "";
  for (const field of document.querySelectorAll("[data-option][aria-invalid]")) field.removeAttribute("aria-invalid");
}
