/** The player of the listening page: one big button, and a wave that one can tap, drag or steer by keyboard. */
import { clamp, icon, need } from "./parts/dom";
import { clock, spokenTime } from "./parts/spoken";
import { drawWave, keepDrawn, token } from "./parts/waveform";

const root = need("[data-player]");

class Player {
  private readonly audio = need<HTMLAudioElement>("audio", root);
  private readonly button = need<HTMLButtonElement>("[data-play]", root);
  private readonly wave = need("[data-wave]", root);
  private readonly canvas = need<HTMLCanvasElement>("canvas", root);
  private readonly problem = need("[data-player-problem]", root);
  private readonly peaks: number[];
  private frame = 0;

  constructor() {
    this.peaks = JSON.parse(root.dataset["peaks"] ?? "[]") as number[];
    this.audio.controls = false;
    need("[data-controls]", root).hidden = false;
    this.button.addEventListener("click", () => this.toggle());
    this.wave.addEventListener("pointerdown", (event) => this.grab(event));
    this.wave.addEventListener("keydown", (event) => this.steer(event));
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => this.show());
    for (const name of ["timeupdate", "seeked", "loadedmetadata"]) this.audio.addEventListener(name, () => this.draw());
    this.audio.addEventListener("waiting", () => root.classList.add("waiting"));
    this.audio.addEventListener("playing", () => root.classList.remove("waiting"));
    this.audio.addEventListener("error", () => this.failed());
    keepDrawn(this.canvas, () => this.draw());
    this.show();
  }

  private get duration(): number {
    const known = this.audio.duration;
    return Number.isFinite(known) && known > 0 ? known : Number(root.dataset["duration"] ?? "0");
  }

  private toggle(): void {
    if (!this.audio.paused) {
      this.audio.pause();
      return;
    }
    this.problem.textContent = "";
    this.audio.play().catch((error: unknown) => {
      if (!(error instanceof DOMException && error.name === "AbortError")) this.failed();
    });
  }

  private failed(): void {
    this.show();
    this.problem.textContent = "The recording did not load. Check your connection and press play again.";
    if (this.audio.error) this.audio.load();
  }

  private seek(seconds: number): void {
    this.audio.currentTime = clamp(seconds, 0, this.duration);
    this.draw();
  }

  private grab(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.wave.setPointerCapture(event.pointerId);
    const follow = (moved: PointerEvent): void => {
      const area = this.wave.getBoundingClientRect();
      this.seek(((moved.clientX - area.left) / area.width) * this.duration);
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

  private steer(event: KeyboardEvent): void {
    const now = this.audio.currentTime;
    const places: Record<string, number> = {
      ArrowLeft: now - 5, ArrowDown: now - 5, ArrowRight: now + 5, ArrowUp: now + 5,
      PageDown: now - 30, PageUp: now + 30, Home: 0, End: this.duration,
    };
    const place = places[event.key];
    if (place !== undefined) this.seek(place);
    else if (event.key === " " || event.key === "Enter") this.toggle();
    else return;
    event.preventDefault();
  }

  private show(): void {
    const playing = !this.audio.paused && !this.audio.ended;
    need("[data-play-icon]", root).replaceChildren(icon(playing ? "pause" : "play"));
    this.button.setAttribute("aria-label", playing ? "Pause" : "Play the recording");
    root.classList.toggle("playing", playing);
    cancelAnimationFrame(this.frame);
    const run = (): void => {
      this.draw();
      this.frame = requestAnimationFrame(run);
    };
    if (playing) run();
    else this.draw();
  }

  private draw(): void {
    const { duration } = this;
    const now = Math.min(this.audio.currentTime, duration);
    const share = duration ? now / duration : 0;
    drawWave(this.canvas, this.peaks, { from: -1, to: share || -1, strong: token("--accent"), faint: token("--line-strong"), barWidth: 3, gap: 2 });
    need("[data-now]", root).textContent = clock(now);
    need("[data-end]", root).textContent = clock(duration);
    this.wave.setAttribute("aria-valuemax", String(Math.round(duration)));
    this.wave.setAttribute("aria-valuenow", String(Math.round(now)));
    this.wave.setAttribute("aria-valuetext", `${spokenTime(Math.round(now))} of ${spokenTime(Math.round(duration))}`);
  }
}

new Player();
