/** Finding and making elements. */

type Made = Node | string | null | undefined | false;

/** The one element that the template promises; its absence is a mistake in the template. */
export function need<E extends Element = HTMLElement>(selector: string, root: ParentNode = document): E {
  const found = root.querySelector<E>(selector);
  if (!found) throw new Error(`The page has no ${selector}`);
  return found;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | boolean | number | undefined> = {},
  ...children: Made[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child): child is Node | string => Boolean(child)));
  return element;
}

export function icon(name: string): HTMLElement {
  return make("span", { class: `icon icon-${name}`, "aria-hidden": "true" });
}

/** A message with its icon. `kind` is "", "warn" or "bad". */
export function note(kind: "" | "warn" | "bad", iconName: string, ...children: Made[]): HTMLElement {
  const attributes = { class: `note ${kind}`, role: kind === "bad" ? "alert" : "status" };
  return make("div", attributes, icon(iconName), make("div", { class: "stack" }, ...children));
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/** Calls `run` once things have been quiet for `ms`. */
export function quietly(ms: number, run: () => void): { call: () => void; flush: () => void; cancel: () => void } {
  let timer = 0;
  const cancel = (): void => {
    window.clearTimeout(timer);
    timer = 0;
  };
  return {
    call: () => {
      cancel();
      timer = window.setTimeout(() => {
        timer = 0;
        run();
      }, ms);
    },
    flush: () => {
      if (!timer) return;
      cancel();
      run();
    },
    cancel,
  };
}
