/** The drop zone of one slot: empty, uploading, looked at by the shop, given; and what is wrong, where it is wrong. */
import { icon, make, need, note } from "../parts/dom";
import { call, Problem, sentence } from "../parts/http";
import { clock, size } from "../parts/spoken";
import type { Draft, DraftKeeper, GivenFile, Slot } from "./draft";
import { upload, type Upload } from "./upload";

export interface SlotLimits {
  max_bytes: number;
  accept: string;
}

const LOOKING: Record<Slot, string> = {
  photo: "Looking at your photo: size, colours, faces. Next it appears in the preview.",
  sound: "Listening to your recording from beginning to end. Next you choose the part to draw.",
};

export class FileStep {
  readonly root: HTMLElement;
  private upload: Upload | null = null;
  private retry: { file: Blob; name: string } | null = null;

  constructor(
    private readonly keeper: DraftKeeper,
    private readonly slot: Slot,
    private readonly limits: SlotLimits,
  ) {
    this.root = need(`[data-drop="${slot}"]`);
    for (const input of this.root.querySelectorAll<HTMLInputElement>("[data-file-input]")) {
      if (!input.accept) input.accept = limits.accept;
      input.addEventListener("change", () => {
        const file = input.files?.[0];
        input.value = "";
        if (file) void this.give(file, file.name);
      });
    }
    need("[data-stop]", this.root).addEventListener("click", () => this.upload?.stop());
    need("[data-remove]", this.root).addEventListener("click", () => void this.remove());
    this.acceptDrops();
    keeper.listen((draft) => this.show(draft));
    this.show(keeper.draft);
  }

  get busy(): boolean {
    return this.upload !== null;
  }

  /** Sends a file to the shop and shows how far it is; what was there before stays until the new one is accepted. */
  async give(file: Blob, name: string): Promise<boolean> {
    this.upload?.stop();
    if (file.size > this.limits.max_bytes) {
      this.complain(`“${name}” has ${size(file.size)}. We take up to ${size(this.limits.max_bytes)}.`, null);
      return false;
    }
    if (file.size === 0) {
      this.complain(`“${name}” is empty.`, null);
      return false;
    }
    this.retry = { file, name };
    this.complain(null, null);
    await this.keeper.settle();
    const going = upload(this.keeper.url, this.slot, file, name, (sent, total) => this.progress(sent, total));
    this.upload = going;
    this.progress(0, file.size);
    this.state("busy");
    try {
      const draft = await going.done;
      if (this.upload !== going) return false;
      this.upload = null;
      this.retry = null;
      this.keeper.take(draft);
      this.show(this.keeper.draft);
      return true;
    } catch (error) {
      if (this.upload !== going) return false;
      this.upload = null;
      this.show(this.keeper.draft);
      this.failed(error);
      return false;
    }
  }

  private failed(error: unknown): void {
    const problem = error instanceof Problem ? error : null;
    if (problem?.code === "STOPPED") {
      this.retry = null;
      return;
    }
    if (problem && (problem.status === 404 || problem.status === 410)) this.keeper.onGone(problem);
    this.complain(sentence(error), problem?.mayPass ? "again" : null);
  }

  private async remove(): Promise<void> {
    try {
      await this.keeper.settle();
      this.keeper.take(await call<Draft>("DELETE", `${this.keeper.url}/files/${this.slot}`));
      this.complain(null, null);
      this.root.querySelector<HTMLInputElement>("[data-drop-empty] [data-file-input]")?.focus();
    } catch (error) {
      this.complain(sentence(error), null);
    }
  }

  private progress(sent: number, total: number): void {
    const meter = need<HTMLProgressElement>("[data-busy-meter]", this.root);
    const text = need("[data-busy-text]", this.root);
    const done = total > 0 && sent >= total;
    if (done) meter.removeAttribute("value");
    else meter.value = total ? sent / total : 0;
    need("[data-busy-figures]", this.root).textContent = done ? "" : `${size(sent)} of ${size(total)}`;
    const say = done ? LOOKING[this.slot] : "Sending it to us.";
    if (text.textContent !== say) text.textContent = say;
  }

  private state(state: "empty" | "busy" | "given"): void {
    this.root.dataset["state"] = state;
    need("[data-drop-empty]", this.root).hidden = state !== "empty";
    need("[data-drop-busy]", this.root).hidden = state !== "busy";
    need("[data-drop-done]", this.root).hidden = state !== "given";
  }

  private show(draft: Draft): void {
    if (this.upload) return;
    const given = draft.files[this.slot];
    this.state(given ? "given" : "empty");
    const warnings = need("[data-drop-warnings]", this.root);
    warnings.replaceChildren(...(given?.warnings ?? []).map((each) => note("warn", "info", make("p", {}, each))));
    if (!given) return;
    need("[data-done-name]", this.root).textContent = given.file_name;
    need("[data-done-facts]", this.root).textContent = describe(given);
  }

  private complain(text: string | null, again: "again" | null): void {
    const place = need("[data-drop-problem]", this.root);
    place.replaceChildren();
    if (!text) return;
    const retry = this.retry;
    const button = again && retry && make("button", { type: "button", class: "button" }, icon("refresh"), "Try again");
    if (button && retry) button.addEventListener("click", () => void this.give(retry.file, retry.name));
    place.append(note("bad", "alert", make("p", {}, text), button && make("p", {}, button)));
  }

  private acceptDrops(): void {
    const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    this.root.addEventListener("dragover", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      this.root.classList.add("over");
    });
    this.root.addEventListener("dragleave", () => this.root.classList.remove("over"));
    this.root.addEventListener("drop", (event) => {
      event.preventDefault();
      this.root.classList.remove("over");
      const file = event.dataTransfer?.files[0];
      if (file) void this.give(file, file.name);
    });
  }
}

function describe(given: GivenFile): string {
  const { width, height, duration_seconds: duration } = given.facts;
  const found = [];
  if (typeof width === "number" && typeof height === "number") found.push(`${width} × ${height} pixels`);
  if (typeof duration === "number") found.push(clock(duration));
  found.push(size(given.size));
  return found.join(" · ");
}
