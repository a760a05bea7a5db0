import { test } from "uvu";
import * as assert from "uvu/assert";
import { KernelBuilder } from "../../packages/jaxscale/src/kernel/builder.ts";
import { checkKernel } from "../../packages/jaxscale/src/kernel/check.ts";
import type { BufferDecl, Kernel, Statement, Value } from "../../packages/jaxscale/src/kernel/ir.ts";
import { printKernel } from "../../packages/jaxscale/src/kernel/print.ts";

interface Parts {
  readonly k: KernelBuilder;
  readonly x: BufferDecl;
  readonly y: BufferDecl;
  readonly lane: Value;
}

function kernel(write: (parts: Parts) => void): Kernel {
  const k = new KernelBuilder();
  const x = k.buffer("x", "f32", "read", 64);
  const y = k.buffer("y", "f32", "read_write", 64);
  write({ k, x, y, lane: k.local(0, 8) });
  return k.finish("sample", [8, 1, 1]);
}

/** The same kernel with statements of its own, as no builder would make it. */
const withBody = (k: Kernel, statements: Statement[]): Kernel => ({ ...k, body: { statements } });

test("a kernel with loops, guards, variables and a barrier is accepted", () => {
  checkKernel(
    kernel(({ k, x, y, lane }) => {
      const shared = k.shared("part", "f32", 8);
      const sum = k.variable(k.f32(0), "sum");
      k.loop(k.i32(0), k.i32(8), k.i32(1), (i) =>
        k.set(sum, k.add(k.get(sum), k.load(x, k.add(k.mul(lane, k.i32(8)), i)))),
      );
      k.storeShared(shared, lane, k.get(sum));
      k.barrier();
      k.if(k.lt(lane, k.i32(4)), () => k.store(y, lane, k.loadShared(shared, k.add(lane, k.i32(4)))));
    }),
  );
});

test("a value of the wrong type is refused", () => {
  const bad = kernel(({ k, y, lane }) => k.store(y, lane, k.i32(1)));
  assert.throws(() => checkKernel(bad), /kernel sample: const has type i32, f32 is needed/);
});

test("a use before its definition is refused", () => {
  const good = kernel(({ k, x, y, lane }) => k.store(y, lane, k.load(x, lane)));
  const [load, store] = good.body.statements;
  assert.throws(() => checkKernel(withBody(good, [store, load])), /used where it is not defined/);
});

test("a value of an inner block is not visible outside of it", () => {
  const good = kernel(({ k, x, y, lane }) => k.store(y, lane, k.load(x, lane)));
  const [load, store] = good.body.statements;
  const inner: Statement = {
    kind: "if",
    condition: new KernelBuilder().bool(true),
    then: { statements: [load] },
    otherwise: { statements: [] },
  };
  assert.throws(() => checkKernel(withBody(good, [inner, store])), /used where it is not defined/);
});

test("a value that is not what its op's row of the grammar says is refused", () => {
  /** A kernel whose first value of `op` is changed. */
  const changed = (op: Value["op"], change: (v: Value) => Partial<Value>): Kernel => {
    const good = kernel(({ k, x, y, lane }) => {
      const counts = k.buffer("counts", "i32", "read_write", 8, true);
      const n = k.atomic("atomicAdd", counts, lane, k.i32(1));
      k.store(y, lane, k.add(k.load(x, lane), k.cast("f32", n)));
    });
    checkKernel(good);
    let done = false;
    const statements = good.body.statements.map((s): Statement => {
      if (done || s.kind !== "let" || s.value.op !== op) return s;
      done = true;
      return { ...s, value: { ...s.value, ...change(s.value) } };
    });
    return withBody(good, statements);
  };
  const refused = (bad: Kernel, message: RegExp): void => assert.throws(() => checkKernel(bad), message);
  refused(
    changed("cast", ({ args }) => ({ args: [...args, ...args] })),
    /kernel op cast takes 1 operands, got 2; in kernel sample/,
  );
  refused(
    changed("atomicAdd", ({ args }) => ({ args: [...args, args[1]] })),
    /kernel op atomicAdd takes 2 operands, got 3/,
  );
  refused(
    changed("load", () => ({ attr: "x" })),
    /kernel op load carries buffer, got string/,
  );
  refused(
    changed("load", () => ({ args: [new KernelBuilder().f32(0)] })),
    /x is indexed by f32/,
  );
  refused(
    changed("cast", () => ({ op: "opaque", args: [], attr: "n" })),
    /opaque is not computed by a statement/,
  );
  refused(
    changed("add", ({ args }) => ({ op: "and", args })),
    /kernel op and does not take f32, f32/,
  );
});

test("a store to a buffer bound for reading is refused", () => {
  assert.throws(() => checkKernel(kernel(({ k, x, lane }) => k.store(x, lane, k.f32(0)))), /bound for reading/);
});

test("an index whose bounds leave the buffer is refused, and accepted under a guard that keeps it inside", () => {
  const at = ({ k, lane }: Parts): Value => k.add(k.mul(k.workgroup(0, 8), k.i32(8)), lane);
  const bad = kernel((p) => p.k.store(p.y, at(p), p.k.f32(0)));
  assert.throws(() => checkKernel(bad), /index 0…71 of y, which has 64 elements/);
  checkKernel(kernel((p) => p.k.if(p.k.lt(at(p), p.k.i32(64)), () => p.k.store(p.y, at(p), p.k.f32(0)))));
  checkKernel(
    kernel((p) => {
      const outside = p.k.ge(p.k.workgroup(0, 8), p.k.i32(8));
      p.k.if(
        outside,
        () => undefined,
        () => p.k.store(p.y, at(p), p.k.f32(0)),
      );
    }),
  );
  assert.throws(
    () =>
      checkKernel(
        kernel(({ k, x, y, lane }) =>
          k.store(y, k.i32(0), k.lane(k.load(x, k.add(k.mul(lane, k.i32(8)), k.i32(6)), 4), 0)),
        ),
      ),
    /index 6…65 of x/,
  );
});

test("barriers and subgroup operations under a condition that differs between invocations are refused", () => {
  const bad = kernel(({ k, lane }) => k.if(k.lt(lane, k.i32(4)), () => k.barrier()));
  assert.throws(() => checkKernel(bad), /workgroup barrier under control flow that differs/);
  const sum = kernel(({ k, x, y, lane }) =>
    k.if(k.gt(k.load(x, lane), k.f32(0)), () => k.store(y, lane, k.subgroupAdd(k.f32(1)))),
  );
  assert.throws(() => checkKernel(sum), /subgroupAdd under control flow that differs/);
});

test("a loop count from a read buffer at a uniform index is uniform, one from a written buffer is not", () => {
  const counted = (access: "read" | "read_write"): Kernel =>
    kernel(({ k }) => {
      const counts = k.buffer("counts", "i32", access, 4);
      k.loop(k.i32(0), k.load(counts, k.workgroup(0, 3)), k.i32(1), () => k.barrier());
    });
  checkKernel(counted("read"));
  assert.throws(() => checkKernel(counted("read_write")), /barrier under control flow/);
});

test("a variable is no longer uniform when a loop assigns it what differs", () => {
  const bad = kernel(({ k, lane }) => {
    const n = k.variable(k.i32(3), "n");
    k.loop(k.i32(0), k.i32(4), k.i32(1), () => {
      k.if(k.gt(k.get(n), k.i32(0)), () => k.barrier());
      k.set(n, k.sub(k.get(n), lane));
    });
  });
  assert.throws(() => checkKernel(bad), /barrier under control flow/);
});

test("limits of the device are held", () => {
  const k = kernel(({ k: builder, y, lane }) => builder.store(y, lane, builder.f32(0)));
  checkKernel(k, { maxStorageBuffersPerShaderStage: 2, maxComputeInvocationsPerWorkgroup: 8 });
  assert.throws(() => checkKernel(k, { maxStorageBuffersPerShaderStage: 1 }), /storage buffers 2, the limit is 1/);
  assert.throws(() => checkKernel(k, { maxComputeInvocationsPerWorkgroup: 4 }), /invocations a workgroup 8/);
});

test("a kernel prints as one statement a line", () => {
  const text = printKernel(
    kernel(({ k, x, y, lane }) => {
      const sum = k.variable(k.f32(0), "sum");
      k.loop(k.i32(0), k.i32(8), k.i32(1), (i) =>
        k.set(sum, k.add(k.get(sum), k.load(x, k.add(k.mul(lane, k.i32(8)), i)))),
      );
      k.if(k.lt(lane, k.i32(4)), () => k.store(y, lane, k.get(sum)));
    }),
  );
  assert.is(
    text,
    `kernel sample workgroup=8x1x1
  read x: f32[64]
  read_write y: f32[64]
  var sum0: f32 = 0.0
  %1: i32 = mul local_id.x, 8
  for %2 in 0..8
    %3: f32 = sum0
    %4: i32 = add %1, %2
    %5: f32 = load x[%4]
    %6: f32 = add %3, %5
    sum0 := %6
  %7: bool = lt local_id.x, 4
  if %7
    %8: f32 = sum0
    y[local_id.x] := %8
`,
  );
});

test.run();
