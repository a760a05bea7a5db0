/**
 * A page that jits a function and shows the kernels that it becomes. To see it:
 * `npx esbuild examples/browser/page.ts --bundle --format=esm --outdir=examples/browser --servedir=examples/browser`
 */
import * as jax from "jaxscale";

const { jit, nn, numpy: jnp } = jax;

const attend = (q: jax.Array, k: jax.Array, v: jax.Array): jax.Array => {
  const scores = jnp.einsum("th,sh->ts", q, k).div(Math.sqrt(q.shape[1]));
  return nn.softmax(scores).dot(v);
};

const element = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;
const show = (id: string, text: string): void => {
  element(id).textContent = text;
};

async function main(): Promise<void> {
  show("source", String(attend));
  const target = await jax.ready();
  show("adapter", `Runs on ${target.name}.`);

  const q = jnp.array([
    [0, 1, 0],
    [2.5, 0, 1],
  ]);
  const [k, v] = [jnp.eye(3), jnp.arange(12).reshape([3, 4]).astype("bfloat16")];
  const attended = jit(attend);
  show("result", await attended(q, k, v).text());

  const lowered = attended.lower(q, k, v);
  show("jaxpr", lowered.asText());
  for (const wgsl of lowered.asText("wgsl").split(/\n\n(?=\/\/ )/)) {
    const pre = document.createElement("pre");
    pre.textContent = wgsl.trim();
    element("kernels").append(pre);
  }
}

main().catch((error: Error) => show("adapter", `${error.name}: ${error.message}`));
