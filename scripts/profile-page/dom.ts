/** Elements, with their attributes, listeners and children. */

type Child = Node | string | undefined;
type Attributes = Readonly<Record<string, string | number | boolean | undefined | ((event: Event) => void)>>;

/** A listener is an attribute that is a function: `onclick`. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : `${value}`);
  }
  element.append(...children.filter((child): child is Node | string => child !== undefined));
  return element;
}

const probe = document.createElement("span");
probe.hidden = true;

/** The colour that a style's custom property has in the theme at hand, as canvases need it. */
export function colour(name: string): string {
  document.body.append(probe);
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/** A part of the page with its heading. */
export const section = (id: string, title: string, note: string, ...children: readonly Child[]): HTMLElement =>
  h("section", { id, "aria-label": title }, h("h2", {}, title), h("p", { class: "note" }, note), ...children);
