/** Records in the browser: asks for the microphone, shows the level and the time, lets one listen, then uses it. */
import { icon, make, need, note } from "../parts/dom";
import { clock } from "../parts/spoken";
import { token } from "../parts/waveform";

const TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus", "audio/webm"];
const LONGEST_SECONDS = 600;
const SHORTEST_SECONDS = 0.5;

const DENIED: Record<string, string> = {
  NotAllowedError: "Your browser doesn't let us use the microphone. Allow it in the address bar (the microphone or lock sign), then try again.",
  NotFoundError: "We found no microphone. Plug one in and try again, or choose a recording that you have.",
  NotReadableError: "Another program is using the microphone. Close it and try again.",
};

export interface Recording {
  blob: Blob;
  name: string;
}

export class Recorder {
  private readonly panel = need("[data-recorder]");
  private readonly body = need("[data-recorder-body]");
  private stream: MediaStream | null = null;
  private sound: AudioContext | null = null;
  private frame = 0;
  private heard: string | null = null;

  constructor(
    private readonly use: (recording: Recording) => void,
    private readonly closed: () => void,
  ) {}

  static get isPossible(): boolean {
    return typeof MediaRecorder !== "undefined" && Boolean(navigator.mediaDevices?.getUserMedia);
  }

  /** Opens the panel and asks for the microphone. */
  async open(): Promise<void> {
    this.panel.hidden = false;
    const wait = make("p", { class: "status-line", role: "status" });
    wait.append(make("span", { class: "spinner" }), "Please allow the microphone. Recording starts right after.");
    this.body.replaceChildren(wait, this.row(this.button("Cancel", "x", () => this.close())));
    if (!Recorder.isPossible) {
      this.refuse("This browser can't record. Choose a recording that you have, or open this page in another browser.");
      return;
    }
    try {
      // Speech processing would flatten laughter, music and rooms: what is wanted is the sound as it was.
      const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: true };
      this.stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      const name = error instanceof DOMException ? error.name : "";
      this.refuse(DENIED[name] ?? "We could not open the microphone. Choose a recording that you have instead.");
      return;
    }
    if (this.panel.hidden) this.release();
    else this.record(this.stream);
  }

  close(): void {
    this.release();
    this.forget();
    this.body.replaceChildren();
    this.panel.hidden = true;
    this.closed();
  }

  private record(stream: MediaStream): void {
    const type = TYPES.find((each) => MediaRecorder.isTypeSupported(each));
    const recorder = new MediaRecorder(stream, { ...(type ? { mimeType: type } : {}), audioBitsPerSecond: 128_000 });
    const chunks: Blob[] = [];
    recorder.ondataavailable = (event) => {
      if (event.data.size) chunks.push(event.data);
    };
    const begun = performance.now();
    const length = (): number => (performance.now() - begun) / 1000;
    let kept = true;
    recorder.onstop = () => {
      const seconds = length();
      this.release();
      if (!kept) return;
      const mime = recorder.mimeType || type || "audio/webm";
      this.review(new Blob(chunks, { type: mime }), seconds);
    };
    const level = make("canvas", { class: "level", "aria-hidden": "true" });
    const time = make("span", { class: "timer figures", role: "timer" }, "0:00");
    const stop = this.button("Stop", "stop", () => recorder.stop(), true);
    const cancel = this.button("Cancel", "x", () => {
      kept = false;
      recorder.stop();
      this.close();
    });
    const head = make("p", { class: "recording-now" }, make("span", { class: "lamp" }), make("strong", {}, "Recording"), time);
    this.body.replaceChildren(head, level, this.row(stop, cancel));
    recorder.start(250);
    stop.focus();
    this.listenTo(stream, level, () => {
      const seconds = length();
      time.textContent = clock(seconds);
      if (seconds >= LONGEST_SECONDS && recorder.state === "recording") recorder.stop();
    });
  }

  /** Draws how loud it is, newest at the right, until the recording ends. */
  private listenTo(stream: MediaStream, canvas: HTMLCanvasElement, tick: () => void): void {
    const sound = new AudioContext();
    this.sound = sound;
    const meter = sound.createAnalyser();
    meter.fftSize = 1024;
    sound.createMediaStreamSource(stream).connect(meter);
    const samples = new Float32Array(meter.fftSize);
    const history: number[] = [];
    const draw = (): void => {
      this.frame = requestAnimationFrame(draw);
      tick();
      meter.getFloatTimeDomainData(samples);
      let power = 0;
      for (const value of samples) power += value * value;
      history.push(Math.min(1, Math.sqrt(power / samples.length) * 4));
      drawLevel(canvas, history);
    };
    draw();
  }

  private review(blob: Blob, seconds: number): void {
    if (seconds < SHORTEST_SECONDS || blob.size === 0) {
      this.refuse("That was too short: at least half a second is needed.");
      return;
    }
    this.forget();
    this.heard = URL.createObjectURL(blob);
    const player = make("audio", { controls: true, src: this.heard, "aria-label": "Your recording" });
    const use = this.button("Use this recording", "check", () => {
      const extension = blob.type.includes("mp4") ? "m4a" : blob.type.includes("ogg") ? "ogg" : "webm";
      this.use({ blob, name: `Recording ${new Date().toISOString().slice(0, 16).replace("T", " ").replace(":", ".")}.${extension}` });
      this.close();
    }, true);
    const again = this.button("Record again", "mic", () => void this.open());
    const drop = this.button("Throw it away", "trash", () => this.close());
    this.body.replaceChildren(
      make("p", { role: "status" }, make("strong", {}, `${clock(seconds)} recorded. `), "Listen to it, then use it or record again."),
      player,
      this.row(use, again, drop),
    );
    use.focus();
  }

  private refuse(text: string): void {
    this.release();
    const again = Recorder.isPossible && this.button("Try again", "refresh", () => void this.open());
    this.body.replaceChildren(note("warn", "mic", make("p", {}, text)), this.row(again, this.button("Close", "x", () => this.close())));
  }

  private release(): void {
    cancelAnimationFrame(this.frame);
    void this.sound?.close();
    this.sound = null;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
  }

  private forget(): void {
    if (this.heard) URL.revokeObjectURL(this.heard);
    this.heard = null;
  }

  private button(label: string, iconName: string, act: () => void, primary = false): HTMLButtonElement {
    const button = make("button", { type: "button", class: primary ? "button primary" : "button" }, icon(iconName), label);
    button.addEventListener("click", act);
    return button;
  }

  private row(...children: (Node | false)[]): HTMLElement {
    return make("div", { class: "button-row" }, ...children);
  }
}

function drawLevel(canvas: HTMLCanvasElement, history: number[]): void {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const bar = 3 * ratio;
  const fitting = Math.floor(width / (bar * 2));
  history.splice(0, Math.max(0, history.length - fitting));
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = token("--accent");
  history.forEach((value, index) => {
    const tall = Math.max(bar, value * height);
    pen.fillRect(width - (history.length - index) * bar * 2, (height - tall) / 2, bar, tall);
  });
}
