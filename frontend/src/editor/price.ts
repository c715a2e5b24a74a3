/** The price as the shop quotes it for the present version. */
import { need, quietly } from "../parts/dom";
import { call, Problem } from "../parts/http";
import type { Draft, DraftKeeper } from "./draft";

interface Money {
  minor: number;
  currency: string;
  text: string;
}

interface Quote {
  version: number;
  total: Money;
  tax: Money;
}

export class Price {
  private asked = -1;
  private readonly ask = quietly(120, () => void this.quote());

  constructor(private readonly keeper: DraftKeeper) {
    keeper.listen((draft) => this.follow(draft));
    this.follow(keeper.draft);
  }

  private follow(draft: Draft): void {
    if (draft.missing.length || draft.problem || draft.version === this.asked) return;
    this.ask.call();
  }

  private async quote(): Promise<void> {
    const { version } = this.keeper.draft;
    this.asked = version;
    try {
      const quote = await call<Quote>("POST", `${this.keeper.url}/quote`, { body: { quantity: 1, promotion: null } });
      if (version !== this.keeper.draft.version) return;
      need("[data-price]").textContent = quote.total.text;
      need("[data-price-note]").textContent = quote.tax.minor ? "with tax" : "";
    } catch (error) {
      // The last price stays: checkout asks for a new one in any case.
      this.asked = -1;
      if (!(error instanceof Problem)) throw error;
    }
  }
}
