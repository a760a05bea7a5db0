/** What the packages export, read from their sources by TypeScript's own checker. */
import { join } from "node:path";
import { SyntaxKind } from "typescript/unstable/ast";
import {
  API,
  type Checker,
  type Project,
  type Signature,
  SignatureKind,
  type Symbol,
  SymbolFlags,
} from "typescript/unstable/sync";

/** An exported name, or a member of one. */
export interface Entry {
  readonly name: string;
  readonly kind: "function" | "class" | "type" | "value";
  /** What is written to call it, one for each overload; a value's type. */
  readonly signatures: readonly string[];
  /** Of its docstring; empty if it has none. */
  readonly firstSentence: string;
  /** Public ones, of a class, an interface, or an object of functions. */
  readonly members: readonly Entry[];
}

const noTruncation = 1;
const keepAliases = 16384;
const flags = noTruncation | keepAliases;

/** Reads modules of one program; `close` ends the compiler's process. */
export class SourceReader {
  readonly #root: string;
  readonly #api: API;
  readonly #project: Project;
  readonly #checker: Checker;

  constructor(root: string) {
    this.#root = root;
    this.#api = new API({ cwd: root });
    [this.#project] = this.#api.updateSnapshot({ openProject: "tsconfig.json" }).getProjects();
    this.#checker = this.#project.checker;
  }

  close(): void {
    this.#api.close();
  }

  /** Names under which a source file exports whole modules. @param path from the root */
  namespacesOf(path: string): readonly string[] {
    return this.#exports(path)
      .filter((symbol) => this.#resolved(symbol).flags & SymbolFlags.ValueModule)
      .map(({ name }) => name);
  }

  /** Exports of a source file by name, namespaces left out: they are modules of their own. @param path from the root */
  exportsOf(path: string): readonly Entry[] {
    return this.#exports(path)
      .filter((symbol) => !(this.#resolved(symbol).flags & SymbolFlags.ValueModule))
      .map((symbol) => {
        const entry = this.#entry(symbol.name, this.#resolved(symbol));
        return { ...entry, members: this.#members(this.#resolved(symbol), entry.kind) };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #exports(path: string): readonly Symbol[] {
    const file = this.#project.program.getSourceFile(join(this.#root, path));
    const module = file && this.#checker.getSymbolAtLocation(file);
    if (module === undefined) throw new Error(`api reference: ${path} must be a module of the program`);
    return this.#checker.getExportsOfModule(module);
  }

  #resolved(symbol: Symbol): Symbol {
    return symbol.flags & SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol;
  }

  #entry(name: string, symbol: Symbol): Entry {
    const kind = this.#kindOf(symbol);
    const signatures =
      kind === "class" || (symbol.flags & SymbolFlags.Interface) !== 0 ? [] : this.#signatures(name, symbol, kind);
    return { name, kind, signatures, firstSentence: this.#firstSentence(symbol), members: [] };
  }

  #kindOf(symbol: Symbol): Entry["kind"] {
    if (symbol.flags & SymbolFlags.Class) return "class";
    if (!(symbol.flags & (SymbolFlags.Value | SymbolFlags.Accessor))) return "type";
    const type = this.#checker.getTypeOfSymbol(symbol);
    return type && this.#checker.getSignaturesOfType(type, SignatureKind.Call).length > 0 ? "function" : "value";
  }

  #signatures(name: string, symbol: Symbol, kind: Entry["kind"]): readonly string[] {
    const type = kind === "type" ? undefined : this.#checker.getTypeOfSymbol(symbol);
    if (type === undefined) return [];
    if (kind === "value") return [`${name}: ${oneLine(this.#checker.typeToString(type, undefined, flags))}`];
    const signatures = this.#checker.getSignaturesOfType(type, SignatureKind.Call);
    // One that has `this` in its types has no declaration of its own; its type says the same.
    const whole = (): string => ` = ${oneLine(this.#checker.typeToString(type, undefined, flags))}`;
    return signatures.map((signature) => name + (this.#declared(signature) ?? whole()));
  }

  #declared(signature: Signature): string | undefined {
    try {
      const { CallSignature } = SyntaxKind;
      const node = this.#checker.signatureToSignatureDeclaration(signature, CallSignature, undefined, flags);
      return node && oneLine(this.#project.emitter.printNode(node));
    } catch (error) {
      // The compiler sends an empty message where there is none.
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  #firstSentence(symbol: Symbol): string {
    const text = this.#checker.getDocumentationCommentOfSymbol(symbol).replace(/\s+/g, " ").trim();
    return /^(?:[^`.]|`[^`]*`|\.(?! |$))*\.?/.exec(text)?.[0].trim() ?? "";
  }

  #members(symbol: Symbol, kind: Entry["kind"]): readonly Entry[] {
    if (kind === "value") {
      const type = this.#checker.getTypeOfSymbol(symbol);
      const properties = type ? this.#checker.getPropertiesOfType(type) : [];
      const isObjectOfFunctions = properties.every((property) => this.#kindOf(property) === "function");
      return isObjectOfFunctions ? properties.map((p) => this.#entry(p.name, this.#shorthand(p))) : [];
    }
    if (!(symbol.flags & (SymbolFlags.Class | SymbolFlags.Interface))) return [];
    return [...symbol.getMembers().values()]
      .filter((member) => member.flags & shown && !member.name.startsWith("__") && this.#isPublic(member))
      .map((member) => this.#entry(member.name, member))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** What `{ f }` stands for, which has the docstring. */
  #shorthand(property: Symbol): Symbol {
    const node = property.valueDeclaration?.resolve(this.#project);
    return this.#resolved((node && this.#checker.getShorthandAssignmentValueSymbol(node)) ?? property);
  }

  #isPublic(member: Symbol): boolean {
    const node = member.valueDeclaration?.resolve(this.#project);
    const modifiers = (node as { modifiers?: readonly { kind: SyntaxKind }[] } | undefined)?.modifiers ?? [];
    const isHidden = member.name.startsWith("#") || member.name.startsWith("[");
    return !isHidden && ![...modifiers].some(({ kind }) => hiddenBy.includes(kind));
  }
}

const hiddenBy: readonly SyntaxKind[] = [SyntaxKind.PrivateKeyword, SyntaxKind.ProtectedKeyword];
const shown = SymbolFlags.Property | SymbolFlags.Method | SymbolFlags.Accessor;

/** How the printer writes `DType` where it has lost the name. */
const dtypes = ["bfloat16", "bool", "float16", "float32", "int16", "int32", "int8", "uint16", "uint32", "uint8"]
  .map((name) => `"${name}"`)
  .join(" | ");

/** As the printer breaks it, in one line; an optional parameter says so once. */
const oneLine = (text: string): string =>
  text
    .replace(/\s*\n\s*/g, " ")
    .replace(/\?: ([^,()]*?) \| undefined(?=[,)}; ])/g, "?: $1")
    .replaceAll(dtypes, "DType")
    // A type that the file does not name is printed with the path of this machine.
    .replace(/typeof import\("[^"]*"\)/g, "module")
    .replace(/import\("[^"]*"\)\./g, "")
    .replace(/;$/, "");
