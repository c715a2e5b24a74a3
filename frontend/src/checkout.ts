/** Checkout: a new price as the code or the number changes, and one order however often the button is pressed. */
import { icon, make, need, note } from "./parts/dom";
import { call, Problem, sentence } from "./parts/http";

interface Money {
  minor: number;
  text: string;
}

interface Quote {
  token: string;
  quantity: number;
  lines: { label: string; quantity: number; amount: Money }[];
  discount: Money;
  tax: Money;
  total: Money;
  promotion: string | null;
}

interface Order {
  number: string;
  payment: { url: string | null } | null;
}

const form = need<HTMLFormElement>("[data-checkout]");

class Checkout {
  private readonly email = need<HTMLInputElement>("#email", form);
  private readonly quantity = need<HTMLInputElement>("#quantity", form);
  private readonly promotion = need<HTMLInputElement>("#promotion", form);
  private readonly token = need<HTMLInputElement>('[name="quote"]', form);
  private readonly pay = need<HTMLButtonElement>("[data-pay]", form);
  private readonly draft = form.dataset["draft"] ?? "";
  private sending = false;
  private turn = 0;
  /** What the quote in the form is for. */
  private quoted = wanted(this.quantity.defaultValue, this.promotion.defaultValue);

  constructor() {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const pressed = event.submitter as HTMLButtonElement | null;
      if (pressed?.value === "price") void this.price();
      else void this.order();
    });
    this.quantity.addEventListener("change", () => void this.price());
    this.promotion.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      void this.price();
    });
    // A browser that comes back to this page fills in again what stood in its fields.
    window.addEventListener("pageshow", () => {
      this.busy(false);
      if (this.wanted !== this.quoted) void this.price();
    });
  }

  private get wanted(): string {
    return wanted(this.quantity.value, this.promotion.value);
  }

  private get url(): string {
    return `/api/v1/drafts/${encodeURIComponent(this.draft)}`;
  }

  /** The same for every press on this page and for a reload of it, as long as what is asked for is the same as the last
   *  time: who asks for something else and then for the first thing again wants a new order, for that ended the first. */
  private get attempt(): string {
    const place = `attempt ${this.draft}`;
    const asked = [form.dataset["version"], this.email.value.trim(), this.token.value.slice(-16)].join(" ");
    const [last, known] = (sessionStorage.getItem(place) ?? "").split("\n");
    if (last === asked && known) return known;
    const fresh = [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem(place, `${asked}\n${fresh}`);
    return fresh;
  }

  private async price(): Promise<boolean> {
    const turn = ++this.turn;
    const priced = this.wanted;
    const body = { quantity: this.quantity.valueAsNumber || 1, promotion: this.promotion.value.trim() || null };
    this.say("promotion", "");
    try {
      const quote = await call<Quote>("POST", `${this.url}/quote`, { body });
      if (turn !== this.turn) return false;
      this.token.value = quote.token;
      this.quoted = priced;
      this.show(quote);
      return true;
    } catch (error) {
      if (turn !== this.turn) return false;
      if (error instanceof Problem && error.code.startsWith("PROMOTION_")) this.say("promotion", error.message);
      else this.complain(error);
      return false;
    }
  }

  private show(quote: Quote): void {
    const rows = quote.lines.map((line) =>
      row(make("span", {}, line.label, line.quantity > 1 ? ` × ${line.quantity}` : null), line.amount.text),
    );
    if (quote.discount.minor) rows.push(row(make("span", {}, `Promotion ${quote.promotion ?? ""}`), `−${quote.discount.text}`));
    if (quote.tax.minor) rows.push(row(make("span", {}, "Tax"), quote.tax.text));
    const total = row(make("span", {}, "Total"), quote.total.text);
    total.className = "total";
    need("[data-price] tbody", form).replaceChildren(...rows, total);
    const free = quote.total.minor === 0;
    need("[data-pay-text]", form).textContent = free ? "Get it for free" : `Pay ${quote.total.text}`;
    need("[data-next]", form).textContent = free
      ? "There is nothing to pay. Your poster is made as soon as you order."
      : `The total is ${quote.total.text}. You pay on the next page. After that your poster is made, usually within seconds. If it can't be made, your money goes back by itself.`;
  }

  private async order(): Promise<void> {
    if (this.sending) return;
    this.say("email", "");
    if (!this.email.checkValidity()) {
      this.say("email", "Please give an e-mail address, so that we can send you the link to your files.");
      this.email.focus();
      return;
    }
    // Nobody pays for anything but what the page says at this moment: a new price is shown, and then it is their turn.
    if (this.wanted !== this.quoted) {
      await this.price();
      return;
    }
    this.busy(true);
    try {
      const body = { email: this.email.value.trim(), quote: this.token.value };
      const headers = { "Idempotency-Key": this.attempt };
      const order = await call<Order>("POST", `${this.url}/checkout`, { body, headers });
      const next = order.payment ? `/orders/${order.number}/pay` : `/orders/${order.number}`;
      window.location.assign(order.payment?.url ?? next);
    } catch (error) {
      this.busy(false);
      await this.refused(error);
    }
  }

  private async refused(error: unknown): Promise<void> {
    const code = error instanceof Problem ? error.code : "";
    if (code === "EMAIL_INVALID") {
      this.say("email", sentence(error));
      this.email.focus();
      return;
    }
    this.complain(error);
    if (error instanceof Problem && error.order) {
      const look = make("a", { class: "button", href: `/orders/${error.order}` }, icon("arrow-right"), `Look at ${error.order}`);
      need("[data-problem] .stack", form).append(make("p", {}, look));
    }
    if (code === "QUOTE_EXPIRED") await this.price();
    if (code === "QUOTE_OUTDATED" || code === "QUOTE_INVALID") {
      const reload = make("a", { class: "button", href: window.location.pathname }, icon("refresh"), "Show me the new price");
      need("[data-problem] .stack", form).append(make("p", {}, reload));
    }
  }

  private complain(error: unknown): void {
    const place = need("[data-problem]", form);
    const charged = error instanceof Problem && error.message.includes("charged") ? null : " Nothing was charged.";
    place.replaceChildren(note("bad", "alert", make("p", {}, sentence(error), charged)));
    place.scrollIntoView({ block: "nearest" });
  }

  private say(field: "email" | "promotion", text: string): void {
    need(`#${field}-problem`, form).textContent = text;
    const input = field === "email" ? this.email : this.promotion;
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    if (!text) need("[data-problem]", form).replaceChildren();
  }

  private busy(busy: boolean): void {
    this.sending = busy;
    this.pay.disabled = busy;
    this.pay.setAttribute("aria-busy", String(busy));
    if (busy) need("[data-next]", form).textContent = "Keeping your order safe. Next the payment page opens.";
  }
}

function wanted(quantity: string, promotion: string): string {
  return [Number(quantity) || 1, promotion.trim()].join(" ");
}

function row(name: HTMLElement, amount: string): HTMLTableRowElement {
  return make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, amount));
}

new Checkout();
