/** Which part of the recording is drawn and played: two handles, two number fields, and a way to listen. */
import { clamp, icon, need } from "../parts/dom";
import { sentence } from "../parts/http";
import { clock, spokenTime } from "../parts/spoken";
import { drawWave, keepDrawn, token } from "../parts/waveform";
import type { DraftKeeper } from "./draft";
import { fetchPeaks } from "./peaks";

const SHORTEST = 0.5;
const LONGEST = 600;
type End = "start" | "end";

export class Trim {
  private readonly panel = need("[data-trim]");
  private readonly wave = need("[data-trim-wave]");
  private readonly canvas = need<HTMLCanvasElement>("[data-trim-canvas]");
  private readonly cursor = need("[data-trim-cursor]");
  private readonly audio = need<HTMLAudioElement>("[data-trim-audio]");
  private readonly handles: Record<End, HTMLButtonElement> = {
    start: need('[data-trim-handle="start"]'),
    end: need('[data-trim-handle="end"]'),
  };
  private readonly fields: Record<End, HTMLInputElement> = { start: need("#clip-start"), end: need("#clip-end") };
  private readonly problem = need("#trim-problem");
  private peaks: number[] = [];
  private shown = "";
  private playing = false;

  constructor(private readonly keeper: DraftKeeper) {
    for (const end of ["start", "end"] as const) {
      this.handles[end].addEventListener("keydown", (event) => this.nudge(event, end));
      this.fields[end].addEventListener("change", () => this.typed(end));
    }
    this.wave.addEventListener("pointerdown", (event) => this.grab(event));
    need("[data-trim-all]").addEventListener("click", () => this.set(0, Math.min(this.duration, LONGEST), "end"));
    need("[data-trim-play]").addEventListener("click", () => (this.playing ? this.stop() : void this.play()));
    this.audio.addEventListener("ended", () => this.stop());
    this.audio.addEventListener("timeupdate", () => this.follow());
    keepDrawn(this.canvas, () => this.draw());
    keeper.listen(() => this.show());
    this.show();
  }

  private get facts(): Record<string, unknown> {
    return this.keeper.draft.files.sound?.facts ?? {};
  }

  private get duration(): number {
    const value = this.facts["duration_seconds"];
    return typeof value === "number" ? value : 0;
  }

  /** The clip in seconds: chosen, else as the shop suggests, else all of it. */
  private get clip(): [number, number] {
    const { clip_start, clip_end } = this.keeper.options;
    return [clip_start ?? 0, Math.min(clip_end ?? this.duration, this.duration)];
  }

  private show(): void {
    const sound = this.keeper.draft.files.sound;
    this.panel.hidden = !sound;
    need("[data-trim-blank]").hidden = Boolean(sound);
    if (!sound) {
      this.shown = "";
      this.stop();
      return;
    }
    if (sound.asset_id !== this.shown) {
      const isNew = this.shown !== "" || this.keeper.options.clip_end === null;
      this.shown = sound.asset_id;
      this.stop();
      this.audio.src = `${this.keeper.url}/files/sound/content?of=${sound.asset_id}`;
      if (isNew) this.suggest();
      void this.load(sound.asset_id);
    }
    this.place();
  }

  /** A new recording begins with the clip that the shop suggests, unless the one chosen before still fits. */
  private suggest(): void {
    const { clip_start, clip_end } = this.facts;
    const { clip_start: chosenStart, clip_end: chosenEnd } = this.keeper.options;
    const whole = clip_start === 0 && typeof clip_end === "number" && Math.abs(clip_end - this.duration) < 0.01;
    if (whole && (chosenStart !== null || chosenEnd !== null)) this.keeper.change({ clip_start: null, clip_end: null });
    if (!whole && typeof clip_start === "number" && typeof clip_end === "number") this.keeper.change({ clip_start, clip_end });
  }

  private async load(assetId: string): Promise<void> {
    this.peaks = [];
    try {
      const peaks = await fetchPeaks(`${this.keeper.url}/files/sound/derived/peaks?of=${assetId}`);
      if (assetId !== this.shown) return;
      this.peaks = peaks;
      this.draw();
    } catch (error) {
      this.problem.textContent = `We can't show the wave just now. ${sentence(error)}`;
    }
  }

  private draw(): void {
    if (this.panel.hidden || !this.duration) return;
    const [start, end] = this.clip;
    drawWave(this.canvas, this.peaks, {
      from: start / this.duration,
      to: end / this.duration,
      strong: token("--accent"),
      faint: token("--line-strong"),
      barWidth: 2,
      gap: 2,
    });
  }

  private place(): void {
    if (!this.duration) return;
    const [start, end] = this.clip;
    const values: Record<End, number> = { start, end };
    for (const which of ["start", "end"] as const) {
      const handle = this.handles[which];
      handle.style.left = `${(values[which] / this.duration) * 100}%`;
      handle.setAttribute("aria-valuemin", "0");
      handle.setAttribute("aria-valuemax", this.duration.toFixed(1));
      handle.setAttribute("aria-valuenow", values[which].toFixed(1));
      handle.setAttribute("aria-valuetext", spokenTime(values[which]));
      const field = this.fields[which];
      field.max = this.duration.toFixed(2);
      if (document.activeElement !== field) field.value = String(Math.round(values[which] * 100) / 100);
    }
    need("[data-trim-length]").textContent = `${clock(end - start, 1)} of ${clock(this.duration, 1)}`;
    this.draw();
  }

  /** Chooses a clip; the end that moved gives way so that the clip stays between the shortest and the longest. */
  private set(start: number, end: number, moved: End): void {
    const shortest = Math.min(SHORTEST, this.duration);
    let from = clamp(start, 0, this.duration - shortest);
    let to = clamp(end, shortest, this.duration);
    if (moved === "start") from = clamp(from, Math.max(0, to - LONGEST), to - shortest);
    else to = clamp(to, from + shortest, Math.min(this.duration, from + LONGEST));
    const tidy = (value: number): number => Math.round(value * 100) / 100;
    from = tidy(from);
    this.problem.textContent = "";
    this.keeper.change({ clip_start: from <= 0 ? null : from, clip_end: to >= this.duration - 0.005 ? null : tidy(to) });
    this.place();
  }

  private typed(end: End): void {
    const field = this.fields[end];
    const value = field.valueAsNumber;
    const [start, finish] = this.clip;
    if (!Number.isFinite(value)) {
      this.place();
      return;
    }
    const wanted: [number, number] = end === "start" ? [value, finish] : [start, value];
    this.set(...wanted, end);
    const kept = end === "start" ? this.clip[0] : this.clip[1];
    field.value = String(Math.round(kept * 100) / 100);
    field.toggleAttribute("aria-invalid", false);
    if (Math.abs(kept - value) > 0.02) {
      this.problem.textContent =
        `A clip lasts from ${SHORTEST} seconds to ${LONGEST / 60} minutes, and this recording ${spokenTime(this.duration)}; ` +
        `we took ${spokenTime(kept)} instead.`;
    }
  }

  private nudge(event: KeyboardEvent, end: End): void {
    const step = event.shiftKey || event.key.startsWith("Page") ? 1 : 0.1;
    const ways: Record<string, number> = {
      ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, PageUp: step * 5, PageDown: -step * 5,
      Home: -Infinity, End: Infinity,
    };
    const way = ways[event.key];
    if (way === undefined) return;
    event.preventDefault();
    const [start, finish] = this.clip;
    if (end === "start") this.set(start + way, finish, "start");
    else this.set(start, finish + way, "end");
  }

  private grab(event: PointerEvent): void {
    if (event.button !== 0 || !this.duration) return;
    event.preventDefault();
    const at = (moved: PointerEvent): number => {
      const area = this.wave.getBoundingClientRect();
      return clamp((moved.clientX - area.left) / area.width, 0, 1) * this.duration;
    };
    const touched = at(event);
    const [start, finish] = this.clip;
    const end: End = Math.abs(touched - start) <= Math.abs(touched - finish) ? "start" : "end";
    this.handles[end].focus({ preventScroll: true });
    this.wave.setPointerCapture(event.pointerId);
    const follow = (moved: PointerEvent): void => {
      const [from, to] = this.clip;
      if (end === "start") this.set(at(moved), to, end);
      else this.set(from, at(moved), end);
    };
    const release = (): void => {
      this.wave.removeEventListener("pointermove", follow);
      this.wave.removeEventListener("pointerup", release);
      this.wave.removeEventListener("pointercancel", release);
    };
    this.wave.addEventListener("pointermove", follow);
    this.wave.addEventListener("pointerup", release);
    this.wave.addEventListener("pointercancel", release);
    follow(event);
  }

  private async play(): Promise<void> {
    this.playing = true;
    this.button();
    try {
      this.audio.currentTime = this.clip[0];
      await this.audio.play();
    } catch {
      // The browser knows fewer formats than the shop does.
      this.stop();
      this.problem.textContent =
        "Your browser can't play this kind of file. The poster can be made all the same, and its page will play it.";
    }
  }

  private stop(): void {
    this.audio.pause();
    this.playing = false;
    this.cursor.hidden = true;
    this.button();
  }

  private follow(): void {
    if (!this.playing) return;
    const now = this.audio.currentTime;
    this.cursor.hidden = false;
    this.cursor.style.left = `${(now / this.duration) * 100}%`;
    if (now >= this.clip[1]) this.stop();
  }

  private button(): void {
    need("[data-trim-icon]").replaceChildren(icon(this.playing ? "pause" : "play"));
    need("[data-trim-play-text]").textContent = this.playing ? "Stop" : "Play the clip";
  }
}
