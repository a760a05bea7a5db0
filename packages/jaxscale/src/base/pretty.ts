/** Documents that know where they may be broken into lines. @see Wadler, "A prettier printer" */

export type Doc =
  | string
  | readonly Doc[]
  /** A newline when the group around it is broken, else `flat`. */
  | { readonly kind: "line"; readonly flat: string }
  | { readonly kind: "nest"; readonly by: number; readonly doc: Doc }
  /** On one line if that fits, else broken at all of its own lines. */
  | { readonly kind: "group"; readonly doc: Doc };

export const line = (flat = " "): Doc => ({ kind: "line", flat });
export const nest = (by: number, ...doc: Doc[]): Doc => ({ kind: "nest", by, doc });
export const group = (...doc: Doc[]): Doc => ({ kind: "group", doc });
export const join = (separator: Doc, docs: readonly Doc[]): Doc =>
  docs.flatMap((doc, i) => (i === 0 ? [doc] : [separator, doc]));

const isList = (doc: Doc): doc is readonly Doc[] => Array.isArray(doc);

/** Whether a document fits in `width` columns when it is not broken. */
function fits(doc: Doc, width: number): boolean {
  const agenda: Doc[] = [doc];
  while (width >= 0) {
    const at = agenda.pop();
    if (at === undefined) return true;
    if (typeof at === "string") width -= at.length;
    else if (isList(at)) for (let i = at.length - 1; i >= 0; i--) agenda.push(at[i]);
    else if (at.kind === "line") width -= at.flat.length;
    else agenda.push(at.doc);
  }
  return false;
}

/** Lays a document out. @param width columns; a word that is longer sticks out */
export function format(doc: Doc, width = 80): string {
  const agenda: { readonly indent: number; readonly flat: boolean; readonly doc: Doc }[] = [
    { indent: 0, flat: false, doc },
  ];
  const lines: string[] = [];
  let current = "";
  for (let at = agenda.pop(); at; at = agenda.pop()) {
    const { indent, flat, doc } = at;
    if (typeof doc === "string") current += doc;
    else if (isList(doc)) for (let i = doc.length - 1; i >= 0; i--) agenda.push({ indent, flat, doc: doc[i] });
    else if (doc.kind === "nest") agenda.push({ indent: indent + doc.by, flat, doc: doc.doc });
    else if (doc.kind === "group")
      agenda.push({ indent, flat: flat || fits(doc.doc, width - current.length), doc: doc.doc });
    else if (flat) current += doc.flat;
    else {
      lines.push(current);
      current = " ".repeat(indent);
    }
  }
  return [...lines, current].join("\n");
}

/** Rows as lines with aligned columns: text to the left, the columns in `right` to the right. */
export function align(rows: readonly (readonly string[])[], right: (column: number) => boolean = () => false): string {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((r) => r[i].length)));
  const lines = rows.map((cells) =>
    cells.map((cell, i) => (right(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join("  "),
  );
  return lines.map((line) => line.trimEnd()).join("\n");
}
