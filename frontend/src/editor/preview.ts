/** The live preview: always the newest version, with a soft change from one to the next. */
import { make, need, note } from "../parts/dom";
import { fetchOk, Problem, sentence } from "../parts/http";
import type { Draft, DraftKeeper } from "./draft";

const RETRY_MS = 2500;

export class Preview {
  private readonly proof = need("[data-proof]");
  private readonly image = need<HTMLImageElement>("[data-proof-image]");
  private readonly next = need<HTMLImageElement>("[data-proof-next]");
  private readonly busy = need("[data-busy]");
  private readonly trouble = need("[data-proof-problem]");
  private going: AbortController | null = null;
  private shown = -1;
  private wanted = -1;
  private timer = 0;

  constructor(private readonly keeper: DraftKeeper) {
    keeper.listen((draft) => this.follow(draft));
    this.follow(keeper.draft);
  }

  private follow(draft: Draft): void {
    this.blank(draft);
    if (draft.missing.length || draft.problem) {
      this.stop();
      if (draft.missing.length) this.state("empty");
      return;
    }
    if (draft.version === this.wanted) return;
    void this.draw(draft.version);
  }

  private stop(): void {
    window.clearTimeout(this.timer);
    this.going?.abort();
    this.going = null;
    this.wanted = this.shown;
    this.busy.hidden = true;
    this.trouble.replaceChildren();
  }

  private async draw(version: number): Promise<void> {
    this.stop();
    this.wanted = version;
    const going = new AbortController();
    this.going = going;
    this.busy.hidden = false;
    this.proof.setAttribute("aria-busy", "true");
    try {
      const url = `${this.keeper.url}/preview?v=${version}`;
      const response = await fetchOk("GET", url, { signal: going.signal, headers: { Accept: "image/*, application/problem+json" } });
      const picture = URL.createObjectURL(await response.blob());
      await this.swap(picture, going);
    } catch (error) {
      if (going.signal.aborted) return;
      this.failed(error, version);
    }
    if (this.going === going) {
      this.busy.hidden = true;
      this.proof.setAttribute("aria-busy", "false");
    }
  }

  /** From the old picture to the new one. A newer one may begin at any await: then this one lets go. */
  private async swap(picture: string, going: AbortController): Promise<void> {
    const { image, next } = this;
    const letGo = (): boolean => {
      if (going.signal.aborted) URL.revokeObjectURL(picture);
      return going.signal.aborted;
    };
    const { options } = this.keeper.draft;
    next.src = picture;
    await next.decode();
    if (letGo()) return;
    this.trouble.replaceChildren();
    this.shown = this.wanted;
    this.state("drawn");
    const old = image.src;
    if (old && image.naturalWidth * next.naturalHeight === next.naturalWidth * image.naturalHeight) {
      next.hidden = false;
      await next.animate([{ opacity: 0 }, { opacity: 1 }], { duration: fadeMs(), easing: "ease-out" }).finished;
      if (letGo()) return;
    }
    image.src = picture;
    image.alt = `Preview of your poster${options.title ? ` “${options.title}”` : ""}, ${options.page}, ${options.orientation}`;
    image.hidden = false;
    if (old) URL.revokeObjectURL(old);
    await image.decode();
    if (!going.signal.aborted) next.hidden = true;
  }

  private failed(error: unknown, version: number): void {
    const text = sentence(error);
    const passes = error instanceof Problem && error.mayPass;
    const what = passes ? `${text} We try again by ourselves.` : text;
    this.trouble.replaceChildren(note(passes ? "warn" : "bad", "alert", make("p", {}, what)));
    if (passes) this.timer = window.setTimeout(() => void this.draw(version), RETRY_MS);
  }

  private state(state: "empty" | "drawn"): void {
    this.proof.dataset["state"] = state;
    need("[data-blank]").hidden = state === "drawn";
    if (state === "empty") {
      this.image.hidden = true;
      this.next.hidden = true;
      this.shown = -1;
      this.wanted = -1;
    }
  }

  /** Before both files are here, the blank sheet shows what we have and names what comes next. */
  private blank(draft: Draft): void {
    const { photo, sound } = draft.files;
    const place = need("[data-blank-photo]");
    const known = place.querySelector("img");
    if (photo && known?.dataset["of"] !== photo.asset_id) {
      const image = make("img", { src: `${this.keeper.url}/files/photo/derived/proxy?of=${photo.asset_id}`, alt: "", "data-of": photo.asset_id });
      known?.remove();
      place.prepend(image);
    } else if (!photo) known?.remove();
    place.classList.toggle("filled", Boolean(photo));
    need("[data-blank-wave]").classList.toggle("filled", Boolean(sound));
    need("[data-proof-note]").textContent = draft.problem ? "As soon as that is mended, the preview follows." : noteFor(Boolean(photo), Boolean(sound));
  }
}

function noteFor(photo: boolean, sound: boolean): string {
  if (photo && sound) return "A preview. The poster you buy has no watermark.";
  if (photo) return "Your photo is here. Now a sound, and we draw the poster.";
  if (sound) return "Your sound is here. Now a photo, and we draw the poster.";
  return "Your poster appears here, once there is a photo and a sound.";
}

function fadeMs(): number {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : 220;
}
