/** Puts every pure value where it is computed once, as late as its uses allow, and out of loops that do not change it. */
import { ruleOf } from "./grammar.ts";
import type { Block, Statement, Value } from "./ir.ts";

interface Scope {
  readonly statements: Statement[];
  readonly parent: Scope | undefined;
  readonly depth: number;
  /** Statement of the parent that holds this block, and whether it is a loop. */
  readonly owner: Statement | undefined;
  readonly loop: boolean;
}

/** Where a value is needed: just before `before` in `scope`; undefined: at the scope's end. */
interface Use {
  readonly scope: Scope;
  readonly before: Statement | undefined;
}

const isFree = (v: Value): boolean => ruleOf(v.op).free ?? false;

export function place(body: Block): Block {
  const uses = new Map<Value, Use[]>();
  const definedIn = new Map<Value, Scope>();
  const root: Scope = { statements: body.statements, parent: undefined, depth: 0, owner: undefined, loop: false };

  const need = (v: Value, use: Use): void => {
    if (isFree(v) || definedIn.has(v)) return;
    const list = uses.get(v);
    if (list) list.push(use);
    else uses.set(v, [use]);
  };
  const nested = (scope: Scope, block: Block, owner: Statement, loop: boolean): Scope => ({
    statements: block.statements,
    parent: scope,
    depth: scope.depth + 1,
    owner,
    loop,
  });
  const walk = (scope: Scope): void => {
    for (const s of scope.statements) {
      const use: Use = { scope, before: s };
      switch (s.kind) {
        case "let":
          for (const a of s.value.args) need(a, use);
          definedIn.set(s.value, scope);
          break;
        case "declare":
          need(s.initial, use);
          break;
        case "assign":
          need(s.value, use);
          break;
        case "store":
        case "storeShared":
          need(s.index, use);
          need(s.value, use);
          break;
        case "for": {
          for (const v of [s.start, s.end, s.step]) need(v, use);
          const inner = nested(scope, s.body, s, true);
          definedIn.set(s.index, inner);
          walk(inner);
          break;
        }
        case "while": {
          const test = nested(scope, s.condition, s, true);
          walk(test);
          need(s.test, { scope: test, before: undefined });
          walk(nested(scope, s.body, s, true));
          break;
        }
        case "if":
          need(s.condition, use);
          walk(nested(scope, s.then, s, false));
          walk(nested(scope, s.otherwise, s, false));
          break;
        case "barrier":
          break;
      }
    }
  };
  walk(root);

  // Users before operands: an operand's id is always smaller than its user's.
  const pending = new MaxHeap();
  for (const v of uses.keys()) pending.push(v);
  const placed = new Map<Statement | Scope, Value[]>();
  for (let v = pending.pop(); v; v = pending.pop()) {
    const at = hoist(commonUse(uses.get(v) as Use[]), v, definedIn);
    const anchor = at.before ?? at.scope;
    const group = placed.get(anchor);
    if (group) group.push(v);
    else placed.set(anchor, [v]);
    for (const a of v.args) {
      if (!isFree(a) && !definedIn.has(a) && !uses.has(a)) pending.push(a);
      need(a, at);
    }
  }
  return insert(root.statements, placed, root);
}

/** The innermost place that dominates all uses. */
function commonUse(uses: readonly Use[]): Use {
  let common = uses[0];
  for (const use of uses.slice(1)) common = join(common, use);
  return common;
}

function join(a: Use, b: Use): Use {
  let [p, q] = [a, b];
  const up = (u: Use): Use => ({ scope: u.scope.parent as Scope, before: u.scope.owner });
  while (p.scope.depth > q.scope.depth) p = up(p);
  while (q.scope.depth > p.scope.depth) q = up(q);
  while (p.scope.statements !== q.scope.statements) {
    p = up(p);
    q = up(q);
  }
  if (p.before === q.before) return p;
  if (!p.before) return q;
  if (!q.before) return p;
  const order = p.scope.statements;
  return order.indexOf(p.before) < order.indexOf(q.before) ? p : q;
}

/** Out of enclosing loops whose index and variables the value does not depend on. */
function hoist(use: Use, v: Value, definedIn: ReadonlyMap<Value, Scope>): Use {
  const floor = deepestDefinition(v, definedIn);
  let at = use;
  while (at.scope.loop && at.scope.depth > floor) at = { scope: at.scope.parent as Scope, before: at.scope.owner };
  return at;
}

const depths = new WeakMap<ReadonlyMap<Value, Scope>, Map<Value, number>>();
function deepestDefinition(v: Value, definedIn: ReadonlyMap<Value, Scope>): number {
  let known = depths.get(definedIn);
  if (!known) depths.set(definedIn, (known = new Map()));
  const memo = known.get(v);
  if (memo !== undefined) return memo;
  const own = definedIn.get(v)?.depth;
  const depth = own ?? Math.max(0, ...v.args.map((a) => deepestDefinition(a, definedIn)));
  known.set(v, depth);
  return depth;
}

function insert(
  statements: readonly Statement[],
  placed: ReadonlyMap<Statement | Scope, readonly Value[]>,
  scope: Scope | undefined,
): Block {
  const lets = (values: readonly Value[] | undefined): Statement[] =>
    [...(values ?? [])].sort((a, b) => a.id - b.id).map((value) => ({ kind: "let", value }));
  const out: Statement[] = [];
  for (const s of statements) {
    out.push(...lets(placed.get(s)));
    if (s.kind === "for") out.push({ ...s, body: insert(s.body.statements, placed, undefined) });
    else if (s.kind === "while") {
      const condition = insert(s.condition.statements, placed, undefined);
      const atEnd = [...placed].filter(
        ([anchor]) => "statements" in anchor && anchor.statements === s.condition.statements,
      );
      condition.statements.push(...lets(atEnd.flatMap(([, values]) => values)));
      out.push({ ...s, condition, body: insert(s.body.statements, placed, undefined) });
    } else if (s.kind === "if")
      out.push({
        ...s,
        then: insert(s.then.statements, placed, undefined),
        otherwise: insert(s.otherwise.statements, placed, undefined),
      });
    else out.push(s);
  }
  if (scope) out.push(...lets(placed.get(scope)));
  return { statements: out };
}

/** Largest id first. */
class MaxHeap {
  readonly #items: Value[] = [];
  push(v: Value): void {
    const items = this.#items;
    let i = items.push(v) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (items[up].id >= items[i].id) break;
      [items[up], items[i]] = [items[i], items[up]];
      i = up;
    }
  }
  pop(): Value | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (items.length > 0 && last) {
      items[0] = last;
      for (let i = 0; ; ) {
        let big = i;
        for (const child of [2 * i + 1, 2 * i + 2])
          if (child < items.length && items[child].id > items[big].id) big = child;
        if (big === i) break;
        [items[big], items[i]] = [items[i], items[big]];
        i = big;
      }
    }
    return top;
  }
}
