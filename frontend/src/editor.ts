/** The poster editor: what the customer does goes to the draft, what the draft becomes goes onto the page. */
import { make, need, note } from "./parts/dom";
import { call, sentence, type Problem } from "./parts/http";
import { PrintAdvice } from "./editor/advice";
import { DraftKeeper, type Draft } from "./editor/draft";
import { FileStep } from "./editor/filestep";
import { FocusPoint } from "./editor/focus";
import { Look } from "./editor/look";
import type { Offer } from "./editor/offer";
import { Preview } from "./editor/preview";
import { Price } from "./editor/price";
import { Recorder } from "./editor/recorder";
import { Trim } from "./editor/trim";
import { clearBeside, sayBeside, Words } from "./editor/words";

const NAMES: Record<string, string> = { photo: "a photo", sound: "a sound" };

async function open(root: HTMLElement): Promise<void> {
  const id = root.dataset["draft"] ?? "";
  const [draft, offer] = await Promise.all([
    call<Draft>("GET", `/api/v1/drafts/${encodeURIComponent(id)}`),
    call<Offer>("GET", "/api/v1/posters/offer"),
  ]);
  const keeper = new DraftKeeper(draft);
  keeper.onTrouble = showTrouble;
  keeper.onGone = showGone;
  keeper.onRefused = (problem, change) => {
    const option = problem.field ?? Object.keys(change)[0] ?? "";
    if (!sayBeside(option, problem.message)) showTrouble(problem.message);
  };
  const photo = new FileStep(keeper, "photo", offer.files.photo);
  const sound = new FileStep(keeper, "sound", offer.files.sound);
  new FocusPoint(keeper);
  new Trim(keeper);
  new Look(keeper, offer);
  new Words(keeper, offer);
  new Preview(keeper);
  new Price(keeper);
  new PrintAdvice(keeper);
  recordWith(sound);
  toCheckout(keeper, () => photo.busy || sound.busy);
  steps(keeper);
  stage();
  window.addEventListener("beforeunload", (event) => {
    if (keeper.unsaved || photo.busy || sound.busy) event.preventDefault();
  });
  root.dataset["ready"] = "true";
}

function recordWith(sound: FileStep): void {
  const button = need<HTMLButtonElement>("[data-record]");
  const recorder = new Recorder(
    ({ blob, name }) => void sound.give(blob, name),
    () => {
      sound.root.hidden = false;
      button.focus();
    },
  );
  button.addEventListener("click", () => {
    sound.root.hidden = true;
    void recorder.open();
  });
}

/** Marks what is done, and says beside the right field what stands in the way. */
function steps(keeper: DraftKeeper): void {
  const follow = (draft: Draft): void => {
    const done: Record<string, boolean> = {
      photo: Boolean(draft.files.photo),
      sound: Boolean(draft.files.sound),
      trim: Boolean(draft.files.sound),
      look: !draft.missing.length && !draft.problem,
      words: Boolean(draft.options.title),
    };
    for (const link of document.querySelectorAll<HTMLElement>("[data-step-link]")) {
      const isDone = done[link.dataset["stepLink"] ?? ""] ?? false;
      link.classList.toggle("done", isDone);
      need("[data-step-state]", link).textContent = isDone ? ", done" : "";
    }
    clearBeside();
    const place = need("[data-proof-problem]");
    if (!draft.problem) return;
    const { code, detail, option, field } = draft.problem;
    const about = option ?? field ?? fieldOf(code, detail);
    if (!about || !sayBeside(about, detail)) place.replaceChildren(note("warn", "alert", make("p", {}, detail)));
    else place.replaceChildren(note("warn", "alert", make("p", {}, detail, " ", make("a", { href: `#problem-${about}` }, "Show me"))));
  };
  keeper.listen(follow);
  follow(keeper.draft);
}

/** The field that a problem names in its sentence, for problems that don't name it apart. */
function fieldOf(code: string, detail: string): string | null {
  if (code === "COLOURS_TOO_CLOSE") return "accent";
  if (!code.startsWith("TEXT_")) return null;
  return ["title", "caption", "date"].find((each) => detail.includes(each)) ?? null;
}

function toCheckout(keeper: DraftKeeper, busy: () => boolean): void {
  const link = need<HTMLAnchorElement>("[data-continue]");
  const hint = need("[data-till-hint]");
  const obstacle = (): { text: string; step: string } | null => {
    const { missing, problem } = keeper.draft;
    if (busy()) return { text: "One moment: your file is still on its way.", step: "" };
    const first = missing[0];
    if (first) return { text: `Still missing: ${missing.map((each) => NAMES[each] ?? each).join(" and ")}.`, step: first };
    if (problem) return { text: problem.detail, step: "look" };
    return null;
  };
  const follow = (): void => {
    const found = obstacle();
    link.classList.toggle("not-yet", found !== null);
    hint.textContent = "";
  };
  link.addEventListener("click", (event) => {
    event.preventDefault();
    void (async () => {
      const saved = await keeper.settle();
      const found = obstacle();
      if (found) {
        hint.textContent = found.text;
        if (found.step) document.getElementById(`step-${found.step}`)?.focus();
        return;
      }
      if (saved) window.location.assign(link.href);
      else hint.textContent = "Your last change is not saved yet. Please try again in a moment.";
    })();
  });
  keeper.listen(follow);
  follow();
}

/** On a phone the preview can be made small, so that there is room for the controls. */
function stage(): void {
  const toggle = need<HTMLButtonElement>("[data-stage-toggle]");
  const set = (small: boolean): void => {
    need(".stage").classList.toggle("small-stage", small);
    toggle.textContent = small ? "Larger preview" : "Smaller preview";
    toggle.setAttribute("aria-expanded", String(!small));
  };
  toggle.addEventListener("click", () => set(toggle.getAttribute("aria-expanded") === "true"));
  set(false);
}

function showTrouble(text: string | null): void {
  need("[data-trouble]").replaceChildren(...(text ? [note("warn", "alert", make("p", {}, text))] : []));
}

function showGone(problem: Problem): void {
  const again = make("a", { class: "button primary", href: "/posters" }, "Start a new one");
  const told = note("bad", "alert", make("p", {}, problem.message), make("p", {}, again));
  need("[data-editor]").replaceChildren(told);
}

const root = need("[data-editor]");
open(root).catch((error: unknown) => {
  showTrouble(`${sentence(error)} Reload the page to try again.`);
  console.warn(error);
});
