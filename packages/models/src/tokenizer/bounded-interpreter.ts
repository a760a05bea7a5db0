/** A bounded Jinja interpreter: templates are untrusted, so their steps and the size of their values are limited. */
import * as jinja from "@huggingface/jinja";

// Both are untyped: the declarations of the package import without file extensions.
const Environment = jinja.Environment as unknown as new () => Variables;
const Interpreter = jinja.Interpreter as unknown as new (variables: Variables) => Interpreting;

interface Variables {
  set(name: string, value: unknown): unknown;
}
interface Statement {
  readonly type: string;
}
interface Value {
  readonly type: string;
  readonly value: unknown;
}
interface Interpreting {
  run(program: jinja.Template["parsed"]): Value;
  evaluate(statement: Statement | undefined, variables: Variables): Value;
}

// Templates of long conversations take about 10⁵ steps; this limit takes one to two seconds.
const maxSteps = 4_000_000;
/** Characters of a text, or of all texts in a list together. */
const maxSize = 2 ** 22;
/** Characters that count as one step, since they are copied. */
const charactersPerStep = 128;
/** Steps of one loop iteration, which creates about a dozen variables. */
const stepsPerTurn = 16;
/** Elements of an existing list that count as one step where an operation may read all of them. */
const elementsPerStep = 16;

/** @throws Error for a template that exceeds its limits or rejects its variables */
export function renderBounded(parsed: jinja.Template["parsed"], variables: Readonly<Record<string, unknown>>): string {
  const environment = new Environment();
  for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
  return String(new BoundedInterpreter(environment).run(parsed).value);
}

/** Counts evaluated expressions and statements, and the sizes of values. */
class BoundedInterpreter extends Interpreter {
  #steps = 0;
  readonly #sizes = new WeakMap<object, number>();
  /** The iterable of a loop. */
  readonly #iterables = new WeakSet<object>();
  /** The object of an access to one element, attribute or method. */
  readonly #accessed = new WeakSet<object>();

  override evaluate(statement: Statement | undefined, variables: Variables): Value {
    if (statement?.type === "For") this.#iterables.add(iterableOf(statement as Loop));
    if (isAccess(statement)) this.#accessed.add(statement.object);
    this.#charge(1);
    const result = super.evaluate(statement, variables);
    const size = this.#sizeOf(result);
    if (size > maxSize) throw tooLarge(size);
    if (typeof result?.value === "string") this.#charge(Math.floor(size / charactersPerStep));
    else if (statement && this.#iterables.has(statement)) this.#charge(stepsPerTurn * lengthOf(result));
    // A name or an attribute refers to an existing list, which an operation may read; any other expression creates one.
    else if (statement?.type !== "Identifier" && !isAccess(statement)) this.#charge(lengthOf(result));
    else if (!this.#accessed.has(statement)) this.#charge(Math.floor(lengthOf(result) / elementsPerStep));
    return result;
  }

  #charge(steps: number): void {
    this.#steps += steps;
    if (this.#steps > maxSteps) throw new Error(`the template must end within ${maxSteps} steps`);
  }

  /** Total size of a value, as in the output of `tojson`: repeated references count repeatedly. */
  #sizeOf(value: Value | undefined): number {
    const held: unknown = value?.value;
    if (typeof held === "string") return held.length;
    if (!(Array.isArray(held) || held instanceof Map)) return 1;
    const known = this.#sizes.get(held);
    // Namespaces are mutable.
    if (known !== undefined && value?.type !== "NamespaceValue") return known;
    // A namespace may contain itself.
    this.#sizes.set(held, 0);
    let size = 1;
    for (const inner of held.values()) size += this.#sizeOf(inner as Value);
    this.#sizes.set(held, size);
    return size;
  }
}

interface Loop extends Statement {
  readonly iterable: Statement & { readonly lhs?: Statement };
}

/** The iterable without the condition of `for x in list if …`. */
const iterableOf = ({ iterable }: Loop): Statement =>
  iterable.type === "SelectExpression" && iterable.lhs ? iterable.lhs : iterable;

interface Access extends Statement {
  readonly object: Statement;
  readonly property: Statement;
}

/** Access to one element, attribute or method; a slice creates a list. */
const isAccess = (statement: Statement | undefined): statement is Access =>
  statement?.type === "MemberExpression" && (statement as Access).property.type !== "SliceExpression";

function lengthOf(value: Value | undefined): number {
  const held: unknown = value?.value;
  return Array.isArray(held) ? held.length : held instanceof Map ? held.size : 0;
}

const tooLarge = (size: number): Error =>
  new Error(`the template must build at most ${maxSize} characters or elements; got ${size}`);

const strftime = new jinja.Template("{{ strftime_now(format) }}");

const globals = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  raise_exception: (message: string): never => {
    throw new Error(message);
  },
  range,
  strftime_now: (format: string): string => strftime.render({ format }),
};

function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  if (step === 0) throw new Error("range() step must not be zero");
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (!(count <= maxSize)) throw tooLarge(count);
  return Array.from({ length: count }, (_, i) => start + i * step);
}
