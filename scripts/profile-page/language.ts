/** Chrome under the locale `C` says its language is `en-US@posix`, which `Intl` refuses, and uPlot asks for numbers in it. */
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en" });
}

export {};
