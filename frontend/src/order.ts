/** The order page while it is being worked on: told by events, else by asking; redrawn by the server's own page. */
import { need } from "./parts/dom";

const ASK_MS = 2500;
const SILENCE_MS = 20_000;

class LiveOrder {
  private source: EventSource | null = null;
  private timer = 0;
  private drawing = false;
  private again = false;

  constructor(private readonly root: HTMLElement) {
    if (this.resting) return;
    this.listen();
    this.askLater(ASK_MS);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.resting) void this.draw();
    });
  }

  private get resting(): boolean {
    return this.root.dataset["resting"] === "true";
  }

  private listen(): void {
    if (typeof EventSource === "undefined") return;
    const source = new EventSource(this.root.dataset["events"] ?? "");
    this.source = source;
    source.addEventListener("order", () => {
      this.askLater(SILENCE_MS);
      void this.draw();
    });
    source.addEventListener("still", () => this.askLater(SILENCE_MS));
    source.addEventListener("done", () => {
      source.close();
      void this.draw();
    });
    source.addEventListener("error", () => this.askLater(ASK_MS));
  }

  /** Asks by itself when no event has come for a while. */
  private askLater(ms: number): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      void this.draw();
      if (!this.resting) this.askLater(ASK_MS);
    }, ms);
  }

  private async draw(): Promise<void> {
    if (this.drawing) {
      this.again = true;
      return;
    }
    this.drawing = true;
    try {
      const response = await fetch(window.location.href, { headers: { Accept: "text/html", "Makegood-Part": "live" } });
      if (response.ok) this.put(await response.text());
    } catch {
      // The connection is away; the timer asks again.
    } finally {
      this.drawing = false;
    }
    if (this.again) {
      this.again = false;
      await this.draw();
    }
  }

  /** Replaces only what has changed, so that focus, opened details and progress stay. */
  private put(html: string): void {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    const said = this.root.querySelector("[data-say]")?.textContent;
    const parts = [...fresh.querySelectorAll<HTMLElement>("[data-part]")];
    const kept = parts.map((part) => {
      const old = this.root.querySelector<HTMLElement>(`[data-part="${part.dataset["part"] ?? ""}"]`);
      return old && isSame(old, part) ? old : document.adoptNode(part);
    });
    const same = kept.length === this.root.children.length && kept.every((part, at) => part === this.root.children[at]);
    if (!same) this.root.replaceChildren(...kept);
    const flag = fresh.querySelector<HTMLElement>("[data-resting]");
    if (flag) this.root.dataset["resting"] = flag.dataset["resting"] ?? "false";
    document.title = fresh.title || document.title;
    this.announce(said);
    if (this.resting) {
      this.source?.close();
      window.clearTimeout(this.timer);
    }
  }

  private announce(before: string | null | undefined): void {
    const say = this.root.querySelector("[data-say]")?.textContent ?? "";
    const now = this.root.querySelector(".steps li.now")?.textContent?.replace(/\s+/g, " ").trim();
    const place = need("[data-announce]");
    const text = say !== before ? say : (now ?? "");
    if (text && place.textContent !== text) place.textContent = text;
  }
}

function isSame(old: HTMLElement, fresh: HTMLElement): boolean {
  const opened = old.querySelectorAll("details[open]");
  for (const each of opened) each.removeAttribute("open");
  const wasOpen = old.matches("details[open]");
  if (wasOpen) old.removeAttribute("open");
  const same = old.outerHTML === fresh.outerHTML;
  for (const each of opened) each.setAttribute("open", "");
  if (wasOpen) {
    old.setAttribute("open", "");
    fresh.setAttribute("open", "");
  }
  return same;
}

new LiveOrder(need("[data-order]"));
