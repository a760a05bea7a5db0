/** The pages of docs/api: what a module has, sentence by sentence, and what it lacks of JAX's. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { nameInJax, saidOtherwise } from "./jax-otherwise.ts";
import { type Entry, SourceReader } from "./modules.ts";

/** Where names come from: the exports of a file, or the members of one of them. */
interface Origin {
  readonly path: string;
  readonly object?: string;
}

interface Source {
  readonly from: readonly Origin[];
  /** JAX's modules of the same names. */
  readonly jax: readonly string[];
}

/** A page. */
interface Module {
  readonly file: string;
  /** As a program writes it. */
  readonly title: string;
  readonly about: string;
  readonly sources: readonly Source[];
}

const core = "packages/jaxscale/src";

const modules: readonly Module[] = [
  {
    file: "jax",
    title: "jaxscale",
    about:
      'What `import * as jax from "jaxscale"` has beside its modules: transformations, devices, shardings, errors.',
    sources: [{ from: [{ path: `${core}/index.ts` }], jax: ["jax", "jax.sharding"] }],
  },
  {
    file: "array",
    title: "jax.Array",
    about:
      "Methods and properties of arrays. Each method is the function of `jax.numpy` with the array as its first operand.",
    sources: [
      {
        from: [
          { path: `${core}/api/array-methods.ts`, object: "ArrayMethods" },
          { path: `${core}/index.ts`, object: "Array" },
        ],
        jax: ["jax.Array"],
      },
    ],
  },
  {
    file: "numpy",
    title: "jax.numpy",
    about: "NumPy's functions on traced arrays.",
    sources: [{ from: [{ path: `${core}/api/numpy/index.ts` }], jax: ["jax.numpy"] }],
  },
  {
    file: "lax",
    title: "jax.lax",
    about: "The operations themselves, without promotion or broadcasting, and control flow.",
    sources: [{ from: [{ path: `${core}/api/lax/index.ts` }], jax: ["jax.lax"] }],
  },
  {
    file: "nn",
    title: "jax.nn",
    about: "Activations, normalizers, attention; first values of parameters in `jax.nn.initializers`.",
    sources: [
      { from: [{ path: `${core}/api/nn/index.ts` }], jax: ["jax.nn"] },
      { from: [{ path: `${core}/api/nn/initializers.ts` }], jax: ["jax.nn.initializers"] },
    ],
  },
  {
    file: "random",
    title: "jax.random",
    about: "Numbers drawn from keys, bit for bit those of JAX.",
    sources: [{ from: [{ path: `${core}/api/random.ts` }], jax: ["jax.random"] }],
  },
  {
    file: "tree",
    title: "jax.tree",
    about: "Functions on pytrees.",
    sources: [{ from: [{ path: `${core}/api/tree.ts` }], jax: ["jax.tree"] }],
  },
  {
    file: "profiler",
    title: "jax.profiler",
    about: "Where the time goes, on the device and on the host: see [profiling](../profiling.md).",
    sources: [{ from: [{ path: `${core}/api/profiler.ts` }], jax: ["jax.profiler"] }],
  },
  {
    file: "debug",
    title: "jax.debug",
    about: "Values of a program while it runs.",
    sources: [{ from: [{ path: `${core}/api/debug.ts`, object: "debug" }], jax: ["jax.debug"] }],
  },
  {
    file: "core",
    title: "jax.core",
    about: "What libraries need to know of tracing.",
    sources: [{ from: [{ path: `${core}/api/core.ts` }], jax: [] }],
  },
  {
    file: "nnx",
    title: "@jaxscale/nnx",
    about: "Modules in the style of Flax NNX, and transformations of functions that take them.",
    sources: [{ from: [{ path: "packages/nnx/src/index.ts" }], jax: ["flax.nnx"] }],
  },
  {
    file: "models",
    title: "@jaxscale/models",
    about:
      "Language models, their checkpoints and tokenizers, generation, and the parts that other models are made of.",
    sources: [{ from: [{ path: "packages/models/src/index.ts" }], jax: [] }],
  },
];

interface JaxNames {
  readonly versions: { readonly jax: string; readonly flax: string };
  readonly names: Readonly<Record<string, readonly string[]>>;
}

/** What the command makes. */
export interface Reference {
  /** Text by path from the root. */
  readonly pages: ReadonlyMap<string, string>;
  /** Exports, and methods of classes, without a first sentence: `numpy.sin`. */
  readonly silent: readonly string[];
  /** Modules that the root exports and no page is of. */
  readonly unlisted: readonly string[];
}

/** @param root of the repository */
export function makeReference(root: string): Reference {
  const jaxNames: JaxNames = JSON.parse(readFileSync(join(root, "scripts/api/jax-names.json"), "utf8"));
  const reader = new SourceReader(root);
  try {
    const pages = new Map<string, string>();
    const silent: string[] = [];
    const rows: string[] = [];
    for (const module of modules) {
      const sections = module.sources.map((source) => sectionOf(source, entriesOf(reader, source), jaxNames));
      pages.set(`docs/api/${module.file}.md`, pageOf(module, sections));
      for (const { entries } of sections)
        silent.push(...entries.flatMap(silentNames).map((name) => `${module.file}.${name}`));
      rows.push(rowOf(module, sections));
    }
    pages.set("docs/api/README.md", [...indexHead(jaxNames.versions), ...rows, ""].join("\n"));
    const unlisted = reader.namespacesOf(`${core}/index.ts`).filter((name) => !pages.has(`docs/api/${name}.md`));
    return { pages, silent, unlisted };
  } finally {
    reader.close();
  }
}

/** Names of an export, and of methods of a class, without a first sentence. */
function silentNames({ name, kind, firstSentence, members }: Entry): readonly string[] {
  const methods = kind === "class" ? members.filter((m) => m.kind === "function" && m.name !== "toString") : [];
  const silent = methods.filter((method) => method.firstSentence === "").map((method) => `${name}.${method.name}`);
  return firstSentence === "" ? [name, ...silent] : silent;
}

function entriesOf(reader: SourceReader, { from }: Source): readonly Entry[] {
  return from
    .flatMap(({ path, object }) => {
      const entries = reader.exportsOf(path);
      return object === undefined ? entries : (entries.find(({ name }) => name === object)?.members ?? []);
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface Section {
  readonly entries: readonly Entry[];
  readonly isJax: boolean;
  /** JAX's names of what is here, by our name. */
  readonly jaxName: ReadonlyMap<string, string>;
  readonly version: string;
  readonly counted: readonly Counted[];
}

/** Names of one of JAX's modules. */
interface Counted {
  readonly module: string;
  readonly total: number;
  readonly here: number;
  readonly otherwise: readonly (readonly [name: string, said: string])[];
  readonly absent: readonly string[];
}

function sectionOf({ jax }: Source, entries: readonly Entry[], { names, versions }: JaxNames): Section {
  const jaxName = new Map<string, string>();
  const counted = jax.map((module): Counted => {
    const here = names[module].filter((name) => {
      const entry = entryFor(name, entries);
      if (entry && !jaxName.has(entry.name)) jaxName.set(entry.name, `${module}.${name}`);
      return entry !== undefined;
    });
    const others = names[module].filter((name) => !here.includes(name));
    const otherwise = others.flatMap((name) => {
      const said = saidOtherwise(module, name);
      return said === undefined ? [] : [[name, said] as const];
    });
    const absent = others.filter((name) => saidOtherwise(module, name) === undefined);
    return { module, total: names[module].length, here: here.length, otherwise, absent };
  });
  const version = jax.some((module) => module.startsWith("flax")) ? `Flax ${versions.flax}` : `JAX ${versions.jax}`;
  return { entries, isJax: jax.length > 0, jaxName, version, counted };
}

/** A class and a function may differ in the first letter alone: `GraphDef`, `graphdef`. */
function entryFor(name: string, entries: readonly Entry[]): Entry | undefined {
  const found = entries.filter((entry) => folded(entry.name) === folded(name));
  const isLarge = (text: string): boolean => text[0] !== text[0].toLowerCase();
  return found.find((entry) => isLarge(entry.name) === isLarge(name)) ?? found[0];
}

/** `dot_general` and `dotGeneral` are one name, `PRNGKey` and `prngKey` too. */
const folded = (name: string): string => name.replaceAll("_", "").toLowerCase();

function pageOf({ title, about }: Module, sections: readonly Section[]): string {
  const lines = [`# \`${title}\``, "", about, "", "Made from the sources by `npm run docs`; do not edit.", ""];
  for (const { counted, version } of sections)
    for (const { module, total, here, otherwise, absent } of counted)
      lines.push(
        `Of the ${total} public names of \`${module}\` in ${version}, ${here} are here, ${otherwise.length} are said otherwise, ${absent.length} are absent.`,
        "",
      );
  for (const [i, section] of sections.entries()) {
    const inner = i === 0 ? "" : ` of \`${section.counted[0].module}\``;
    for (const [heading, kinds] of headings) {
      const shown = section.entries.filter(({ kind }) => kinds.includes(kind));
      if (shown.length === 0) continue;
      lines.push(`## ${heading}${inner}`, "", ...shown.flatMap((entry) => itemOf(entry, section)), "");
    }
  }
  for (const { counted } of sections) for (const names of counted) lines.push(...lackOf(names));
  return `${lines.join("\n").trimEnd()}\n`;
}

const headings: readonly (readonly [heading: string, kinds: readonly Entry["kind"][]])[] = [
  ["Functions", ["function"]],
  ["Classes", ["class"]],
  ["Values and properties", ["value"]],
  ["Types", ["type"]],
];

/** One list item: name, JAX's name, sentence, signatures; members of a class a line each, of a type in one line. */
function itemOf(entry: Entry, { jaxName, isJax }: Section): readonly string[] {
  const { name, kind, signatures, firstSentence, members } = entry;
  const of = jaxName.get(name) ?? nameInJax[name];
  const origin =
    kind === "type" || (!isJax && of === undefined) ? "" : of === undefined ? " (not in JAX)" : ` (\`${of}\`)`;
  const lines = [`- **${name}**${origin}: ${firstSentence}`];
  if (kind === "function") lines.push(...signatures.map((signature) => `  - \`${signature}\``));
  if (kind === "value") lines.push(...(members.length === 0 ? signatures : []).map((type) => `  - \`${type}\``));
  if (kind === "type" && members.length > 0)
    lines.push(`  - ${members.map((member) => `\`${member.name}\``).join(", ")}`);
  else
    for (const member of members)
      lines.push(
        ...(member.signatures.length === 0 ? [member.name] : member.signatures.slice(0, 1)).map(
          (signature) => `  - \`${signature}\`${member.firstSentence === "" ? "" : `: ${member.firstSentence}`}`,
        ),
      );
  return lines;
}

function lackOf({ module, otherwise, absent }: Counted): readonly string[] {
  const lines: string[] = [];
  if (otherwise.length > 0) {
    lines.push(`## Said otherwise than in \`${module}\``, "", `| \`${module}\` | here |`, "| --- | --- |");
    lines.push(...otherwise.map(([name, said]) => `| \`${name}\` | ${said} |`), "");
  }
  if (absent.length > 0)
    lines.push(`## Absent of \`${module}\``, "", absent.map((name) => `\`${name}\``).join(", "), "");
  return lines;
}

const indexHead = ({ jax, flax }: JaxNames["versions"]): readonly string[] => [
  "# API reference",
  "",
  `A page a module: each name with its signature, the first sentence of its docstring, and its name in JAX ${jax} or Flax ${flax}.`,
  "Editors show the whole docstring: shapes, dtypes, errors. Made from the sources by `npm run docs`; do not edit.",
  "",
  "| module | exports | of JAX's names | here | said otherwise | absent |",
  "| --- | --: | --: | --: | --: | --: |",
];

function rowOf({ file, title }: Module, sections: readonly Section[]): string {
  const counted = sections.flatMap((section) => section.counted);
  const sum = (of: (names: Counted) => number): string =>
    counted.length === 0 ? "" : `${counted.reduce((total, names) => total + of(names), 0)}`;
  const exports = sections.reduce((total, { entries }) => total + entries.length, 0);
  const figures = [
    sum(({ total }) => total),
    sum(({ here }) => here),
    sum(({ otherwise }) => otherwise.length),
    sum(({ absent }) => absent.length),
  ];
  return `| [\`${title}\`](${file}.md) | ${exports} | ${figures.join(" | ")} |`;
}
