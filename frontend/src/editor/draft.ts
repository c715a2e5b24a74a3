/** The draft as the shop has it. Changes are gathered, sent one after the other, and never answered out of order. */
import { call, OFFLINE, Problem } from "../parts/http";

export interface GivenFile {
  asset_id: string;
  file_name: string;
  media_type: string;
  size: number;
  facts: Record<string, unknown>;
  warnings: string[];
  derived: Record<string, unknown>;
}

export interface Options {
  template: string;
  page: string;
  orientation: string;
  shape: string | null;
  wave: string | null;
  accent: string | null;
  background: string | null;
  font: string | null;
  title: string;
  caption: string;
  date: string;
  clip_start: number | null;
  clip_end: number | null;
  focus_x: number | null;
  focus_y: number | null;
  bleed: number;
  lang: string;
  recipient: string;
  message: string;
  allow_download: boolean;
}

export interface Draft {
  id: string;
  version: number;
  options: Options;
  files: Partial<Record<"photo" | "sound", GivenFile>>;
  missing: string[];
  problem: { code: string; detail: string; option?: string; field?: string } | null;
  warnings: string[];
  expires_at: string;
}

export type Slot = "photo" | "sound";
type Change = Partial<Options>;

const QUIET_MS = 150;
const RETRY_MS = 3000;

export class DraftKeeper {
  private waiting: Change = {};
  private sending = false;
  private timer = 0;
  private listeners: ((draft: Draft) => void)[] = [];

  /** Told when an option was refused; the customer's own words stay in their field. */
  onRefused: (problem: Problem, change: Change) => void = () => {};
  /** Told whether everything is kept by the shop: null, or what to say about it. */
  onTrouble: (sentence: string | null) => void = () => {};
  /** Told when the draft no longer exists. */
  onGone: (problem: Problem) => void = () => {};

  constructor(public draft: Draft) {}

  get url(): string {
    return `/api/v1/drafts/${encodeURIComponent(this.draft.id)}`;
  }

  /** The options as the customer sees them: the shop's, and what is still on its way there. */
  get options(): Options {
    return { ...this.draft.options, ...this.waiting };
  }

  get unsaved(): boolean {
    return this.sending || Object.keys(this.waiting).length > 0;
  }

  listen(listener: (draft: Draft) => void): void {
    this.listeners.push(listener);
  }

  /** Takes an answer of the shop unless a newer one has already been taken. */
  take(draft: Draft): void {
    if (draft.version < this.draft.version) return;
    this.draft = draft;
    for (const listener of this.listeners) listener(draft);
  }

  change(change: Change): void {
    this.waiting = { ...this.waiting, ...change };
    this.later(QUIET_MS);
  }

  /** Sends what is waiting now; resolves when the shop has everything, false if it could not be sent. */
  async settle(): Promise<boolean> {
    window.clearTimeout(this.timer);
    while (this.sending) await new Promise((done) => window.setTimeout(done, 30));
    if (Object.keys(this.waiting).length) await this.send();
    return !this.unsaved;
  }

  private later(ms: number): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.send(), ms);
  }

  private async send(): Promise<void> {
    if (this.sending || !Object.keys(this.waiting).length) return;
    const change = this.waiting;
    this.waiting = {};
    this.sending = true;
    try {
      const draft = await call<Draft>("PATCH", this.url, { body: { options: change } });
      this.sending = false;
      this.onTrouble(null);
      this.take(draft);
    } catch (error) {
      this.sending = false;
      if (this.failed(error, change)) return;
    }
    if (Object.keys(this.waiting).length) this.later(QUIET_MS);
  }

  /** Whether it is tried again later by itself. */
  private failed(error: unknown, change: Change): boolean {
    const problem = error instanceof Problem ? error : new Problem(0, "OFFLINE", OFFLINE);
    if (problem.mayPass) {
      // What came in meanwhile is newer than what failed.
      this.waiting = { ...change, ...this.waiting };
      this.onTrouble(problem.message);
      this.later(RETRY_MS);
      return true;
    }
    if (problem.status === 404 || problem.status === 410) {
      this.onGone(problem);
    } else {
      this.onTrouble(null);
      this.onRefused(problem, change);
    }
    return false;
  }
}
