/** Ends while the device works, in the way that the variable END names. */
import * as jax from "jaxscale";

const { jit, numpy: jnp } = jax;

const f = jit((x: jax.Array) => {
  let y = x;
  for (let i = 0; i < 6; i++) y = y.dot(y).mul(0.01);
  return y;
});
const x = jnp.ones([64, 64]);
await f(x).blockUntilReady();
for (let i = 0; i < 4; i++) f(x);

const ends: Readonly<Record<string, () => void>> = {
  exit: () => process.exit(3),
  throw: () => {
    throw new Error("uncaught on purpose");
  },
  exitWhileReading: () => {
    void f(x).data();
    setTimeout(() => process.exit(4), 2);
  },
  rejection: () => void Promise.reject(new Error("rejected on purpose")),
  exitCode: () => {
    process.exitCode = 5;
  },
  end: () => {},
};
ends[process.env.END ?? "end"]();
