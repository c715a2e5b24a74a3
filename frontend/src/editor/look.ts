/** Template, page, shape, wave, colours, paper and lettering: only what goes together is shown. */
import { make, need, quietly } from "../parts/dom";
import type { DraftKeeper, Options } from "./draft";
import type { Named, Offer, TemplateOffer } from "./offer";

type Pick = "template" | "orientation" | "shape" | "wave" | "accent" | "background" | "font";

interface Choice {
  value: string;
  label: string;
  colour?: string;
  content?: Node[];
}

const COLOUR = /^#[0-9a-f]{6}$/i;

export class Look {
  private readonly drawn = new Map<Pick, string>();

  constructor(
    private readonly keeper: DraftKeeper,
    private readonly offer: Offer,
  ) {
    const page = need<HTMLSelectElement>('[data-option="page"]');
    page.append(...offer.pages.map((each) => make("option", { value: each.id }, `${each.name} (${each.size})`)));
    page.addEventListener("change", () => keeper.change({ page: page.value }));
    const bleed = need<HTMLInputElement>('[data-option="bleed"]');
    bleed.addEventListener("change", () => keeper.change({ bleed: bleed.checked ? 3 : 0 }));
    keeper.listen(() => this.show());
    this.show();
  }

  private get template(): TemplateOffer {
    const { templates } = this.offer;
    const found = templates.find((each) => each.id === this.keeper.options.template) ?? templates[0];
    if (!found) throw new Error("The shop offers no template");
    return found;
  }

  private show(): void {
    const { options } = this.keeper;
    const { template, offer } = this;
    need<HTMLSelectElement>('[data-option="page"]').value = options.page;
    need<HTMLInputElement>('[data-option="bleed"]').checked = options.bleed > 0;
    this.radios("template", offer.templates.map(templateCard), template.id);
    this.radios("orientation", plain(offer.orientations), options.orientation);
    const wave = options.wave ?? template.defaults.wave;
    const shapes = wave === "circular" ? ["circle"] : template.shapes;
    const shape = wave === "circular" ? "circle" : (options.shape ?? template.defaults.shape);
    this.radios("shape", plain(offer.shapes, shapes), shape);
    this.radios("wave", plain(offer.waves, template.waves), wave);
    this.radios("font", plain(offer.fonts), options.font ?? template.defaults.font);
    this.swatches("accent", this.accents(), options.accent ?? "");
    const papers = offer.papers.map((each) => ({ value: each.id, label: each.name, colour: each.colour }));
    this.swatches("background", papers, options.background ?? template.defaults.background);
  }

  private accents(): Choice[] {
    const own = this.template.defaults.accent;
    const found: Choice[] = [{ value: "", label: "The template's own", colour: own }];
    const photo = this.keeper.draft.files.photo?.facts ?? {};
    const palette = Array.isArray(photo["palette"]) ? photo["palette"].filter((each): each is string => typeof each === "string") : [];
    const best = typeof photo["accent"] === "string" ? photo["accent"] : palette[0];
    if (best) found.push({ value: "photo", label: "Best from the photo", colour: best });
    const taken = new Set(found.map((each) => each.colour));
    for (const colour of palette.filter((each) => !taken.has(each)).slice(0, 6)) {
      found.push({ value: colour.toLowerCase(), label: `From the photo ${colour}`, colour });
    }
    for (const each of this.offer.accents) {
      if (!found.some((other) => other.colour === each.colour)) found.push({ value: each.colour, label: each.name, colour: each.colour });
    }
    return found;
  }

  /** A group of radio buttons; one that offers a single thing is not shown. */
  private radios(pick: Pick, choices: Choice[], chosen: string): HTMLElement | null {
    const group = need<HTMLFieldSetElement>(`[data-choice="${pick}"]`);
    group.hidden = choices.length < 2;
    const place = need("[data-choices]", group);
    const drawn = JSON.stringify(choices.map((each) => [each.value, each.label, each.colour]));
    const isNew = this.drawn.get(pick) !== drawn;
    if (isNew) {
      this.drawn.set(pick, drawn);
      place.replaceChildren(...choices.map((each) => this.radio(pick, each)));
    }
    for (const input of place.querySelectorAll<HTMLInputElement>('input[type="radio"]')) input.checked = input.value === chosen;
    return isNew ? place : null;
  }

  private radio(pick: Pick, choice: Choice): HTMLElement {
    const input = make("input", { type: "radio", name: pick, value: choice.value, class: "unseen" });
    input.addEventListener("change", () => this.choose(pick, choice.value));
    if (choice.content) {
      // The card's text describes the template; its name alone is what one chooses by.
      input.setAttribute("aria-label", choice.label);
      input.setAttribute("aria-describedby", `about-${choice.value}`);
      return make("label", { class: "template-card" }, input, ...choice.content);
    }
    if (!choice.colour) return make("label", { class: "chip" }, input, choice.label);
    const dot = make("span", { class: "dot" });
    dot.style.backgroundColor = choice.colour;
    return make("label", { class: "swatch", title: choice.label }, input, dot, make("span", { class: "unseen" }, choice.label));
  }

  /** Radio buttons as colours, and a field for any other colour. */
  private swatches(pick: "accent" | "background", choices: Choice[], chosen: string): void {
    const fresh = this.radios(pick, choices, chosen);
    if (fresh) fresh.append(this.anyColour(pick));
    const own = need<HTMLInputElement>(`[data-choice="${pick}"] input[type="color"]`);
    const known = choices.find((each) => each.value === chosen);
    const colour = known?.colour ?? chosen;
    if (COLOUR.test(colour) && document.activeElement !== own) own.value = colour;
    own.parentElement?.classList.toggle("chosen", !known && COLOUR.test(chosen));
  }

  private anyColour(pick: "accent" | "background"): HTMLElement {
    const input = make("input", { type: "color" });
    const send = quietly(120, () => this.choose(pick, input.value));
    input.addEventListener("input", send.call);
    input.addEventListener("change", send.flush);
    return make("label", { class: "own-colour" }, input, make("span", {}, "Another colour"));
  }

  /** What the new choice does not go with falls back to the template's own. */
  private choose(pick: Pick, value: string): void {
    const change: Partial<Options> = { [pick]: value || null };
    if (pick === "template") {
      const { shape, wave } = this.keeper.options;
      const next = this.offer.templates.find((each) => each.id === value);
      if (wave !== null && !next?.waves.includes(wave)) change.wave = null;
      if (shape !== null && !next?.shapes.includes(shape)) change.shape = null;
    }
    if (pick === "wave" && value === "circular") change.shape = null;
    this.keeper.change(change);
    this.show();
  }
}

function plain(all: readonly Named[], offered?: readonly string[]): Choice[] {
  return all.filter((each) => !offered || offered.includes(each.id)).map((each) => ({ value: each.id, label: each.name }));
}

function templateCard(offer: TemplateOffer): Choice {
  const picture = offer.sample
    ? make("img", { src: offer.sample, alt: "", loading: "lazy", width: 120, height: 170 })
    : make("span", { class: "template-blank", "aria-hidden": "true" });
  const words = make("span", {}, make("strong", {}, offer.name), make("span", { class: "small soft block", id: `about-${offer.id}` }, offer.description));
  return { value: offer.id, label: offer.name, content: [picture, words] };
}
