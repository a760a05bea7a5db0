/** Light and dark: as the system has it, until the reader chooses. */
import { h } from "./dom.ts";

/** @param render draws again what has colours of its own */
export const themeButton = (render: () => void): HTMLElement =>
  h(
    "button",
    {
      type: "button",
      id: "theme",
      onclick: () => {
        const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
        const now = document.documentElement.dataset.theme ?? (isDark ? "dark" : "light");
        document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
        render();
      },
    },
    "light / dark",
  );
