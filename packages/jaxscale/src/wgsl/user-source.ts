/** A WGSL program that a user wrote, taken apart as far as a kernel needs: directives, entry point, and what comes between. */

export interface UserSource {
  /** `enable f16;` and the like, which must come before every declaration. */
  readonly directives: readonly string[];
  /** The lines as they were, but for directives and attributes of the entry point, which are blank. */
  readonly text: string;
  /** Where in `text` `fn main` begins. */
  readonly entry: number;
  /** Where in `text` the body of `main` begins, after its brace. */
  readonly body: number;
  /** From an attribute `@workgroup_size` of the entry point. */
  readonly workgroupSize: readonly number[] | undefined;
}

/** Comments as blanks, lines and columns kept. Block comments nest. */
function withoutComments(wgsl: string): string {
  const out = [...wgsl.split("")];
  let depth = 0;
  let line = false;
  for (let i = 0; i < out.length; i++) {
    const pair = wgsl.slice(i, i + 2);
    if (line && wgsl[i] === "\n") line = false;
    const opens = !line && pair === "/*";
    const closes = depth > 0 && pair === "*/";
    if (depth === 0 && !line && pair === "//") line = true;
    if (opens) depth++;
    const comment = line || depth > 0;
    if (comment && wgsl[i] !== "\n") out[i] = " ";
    if (opens || closes) {
      out[++i] = " ";
      if (closes) depth--;
    }
  }
  return out.join("");
}

const blank = (text: string): string => text.replace(/[^\n]/g, " ");

/** @throws Error saying in a few words what is missing or wrong */
export function readUserSource(wgsl: string): UserSource {
  let text = wgsl;
  let code = withoutComments(wgsl);
  const erase = (start: number, end: number): void => {
    text = text.slice(0, start) + blank(text.slice(start, end)) + text.slice(end);
    code = code.slice(0, start) + blank(code.slice(start, end)) + code.slice(end);
  };
  const directives: string[] = [];
  for (let found = directive(code); found; found = directive(code)) {
    directives.push(code.slice(found.start, found.end).replace(/\s+/g, " "));
    erase(found.start, found.end);
  }
  const attributes = /((?:@[a-z_]+\s*(?:\([^()]*\))?\s*)*)\bfn\s+main\s*\(/.exec(code);
  if (!attributes) throw new Error("wgsl must have an entry point `fn main(…)`");
  const size = /@workgroup_size\s*\(([^()]*)\)/.exec(attributes[1]);
  const workgroupSize = size?.[1]
    .split(",")
    .map((n) => n.trim())
    .filter((n) => n !== "")
    .map((n) => (/^\d+[iu]?$/.test(n) ? Number.parseInt(n, 10) : Number.NaN));
  erase(attributes.index, attributes.index + attributes[1].length);
  if (/@compute\b/.test(code)) throw new Error("wgsl must have one entry point, `main`");
  if (/@group\b|@binding\b/.test(code)) throw new Error("wgsl must not declare bindings: `inputs` and `outputs` do");
  const entry = attributes.index + attributes[1].length;
  const open = code.indexOf("{", closing(code, attributes.index + attributes[0].length - 1));
  if (open < 0) throw new Error("wgsl's `fn main(…)` must have a body");
  return { directives, text, entry, body: open + 1, workgroupSize };
}

/** A directive at the beginning. */
function directive(code: string): { readonly start: number; readonly end: number } | undefined {
  const found = /^\s*((?:enable|requires|diagnostic)\b[^;]*;)/.exec(code);
  return found ? { start: found[0].length - found[1].length, end: found[0].length } : undefined;
}

/** The parenthesis that closes the one at `open`; the end if none does. */
function closing(code: string, open: number): number {
  let depth = 0;
  for (let i = open; i < code.length; i++) {
    if (code[i] === "(") depth++;
    if (code[i] === ")" && --depth === 0) return i;
  }
  return code.length;
}
