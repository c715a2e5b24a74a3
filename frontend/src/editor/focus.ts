/** The focus point: what of the photo must stay when it is cropped. Click, drag or arrow keys. */
import { clamp, need } from "../parts/dom";
import type { DraftKeeper } from "./draft";

const STEP = 0.02;

export class FocusPoint {
  private readonly box = need("[data-focus-box]");
  private readonly point = need<HTMLButtonElement>("[data-focus-point]");
  private readonly image = need<HTMLImageElement>("[data-focus-image]");
  private readonly reset = need<HTMLButtonElement>("[data-focus-reset]");
  private shown = "";

  constructor(private readonly keeper: DraftKeeper) {
    this.box.addEventListener("pointerdown", (event) => this.grab(event));
    this.point.addEventListener("keydown", (event) => this.nudge(event));
    this.reset.addEventListener("click", () => {
      this.keeper.change({ focus_x: null, focus_y: null });
      this.place();
      this.point.focus();
    });
    keeper.listen(() => this.show());
    this.show();
  }

  private show(): void {
    const photo = this.keeper.draft.files.photo;
    need("[data-photo-given]").hidden = !photo;
    if (!photo) {
      this.shown = "";
      return;
    }
    if (photo.asset_id !== this.shown) {
      this.shown = photo.asset_id;
      this.image.src = `${this.keeper.url}/files/photo/derived/proxy?of=${photo.asset_id}`;
    }
    this.place();
  }

  /** Where the point is: chosen, else where the shop found the subject, else the middle. */
  private get at(): [number, number] {
    const { focus_x, focus_y } = this.keeper.options;
    const facts = this.keeper.draft.files.photo?.facts ?? {};
    const share = (value: unknown): number | null => (typeof value === "number" ? value : null);
    return [focus_x ?? share(facts["focus_x"]) ?? 0.5, focus_y ?? share(facts["focus_y"]) ?? 0.5];
  }

  private place(): void {
    const [x, y] = this.at;
    this.point.style.insetInlineStart = "auto";
    this.point.style.left = `${x * 100}%`;
    this.point.style.top = `${y * 100}%`;
    const text = `Focus point: ${Math.round(x * 100)} percent from the left, ${Math.round(y * 100)} percent from the top`;
    need("[data-focus-label]").textContent = text;
    this.reset.hidden = this.keeper.options.focus_x === null && this.keeper.options.focus_y === null;
  }

  private move(x: number, y: number): void {
    const rounded = (value: number): number => Math.round(clamp(value, 0, 1) * 1000) / 1000;
    this.keeper.change({ focus_x: rounded(x), focus_y: rounded(y) });
    this.place();
  }

  private grab(event: PointerEvent): void {
    if (event.button !== 0) return;
    event.preventDefault();
    this.point.focus({ preventScroll: true });
    this.box.setPointerCapture(event.pointerId);
    const follow = (moved: PointerEvent): void => {
      const area = this.box.getBoundingClientRect();
      this.move((moved.clientX - area.left) / area.width, (moved.clientY - area.top) / area.height);
    };
    const release = (): void => {
      this.box.removeEventListener("pointermove", follow);
      this.box.removeEventListener("pointerup", release);
      this.box.removeEventListener("pointercancel", release);
    };
    this.box.addEventListener("pointermove", follow);
    this.box.addEventListener("pointerup", release);
    this.box.addEventListener("pointercancel", release);
    follow(event);
  }

  private nudge(event: KeyboardEvent): void {
    const ways: Record<string, [number, number]> = {
      ArrowLeft: [-STEP, 0],
      ArrowRight: [STEP, 0],
      ArrowUp: [0, -STEP],
      ArrowDown: [0, STEP],
    };
    const way = ways[event.key];
    if (!way) return;
    event.preventDefault();
    const [x, y] = this.at;
    const fast = event.shiftKey ? 5 : 1;
    this.move(x + way[0] * fast, y + way[1] * fast);
    need("[data-focus-say]").textContent = need("[data-focus-label]").textContent;
  }
}
