/** What to know before printing, such as a photo that is too small for the page: beside the photo and the page. */
import { make, note } from "../parts/dom";
import type { Draft, DraftKeeper } from "./draft";

export class PrintAdvice {
  private readonly places = [...document.querySelectorAll<HTMLElement>("[data-advice]")];

  constructor(keeper: DraftKeeper) {
    keeper.listen((draft) => this.show(draft));
    this.show(keeper.draft);
  }

  private show(draft: Draft): void {
    for (const place of this.places) {
      if (place.textContent === draft.warnings.join("")) continue;
      place.replaceChildren(...draft.warnings.map((each) => note("warn", "info", make("p", {}, each))));
    }
  }
}
