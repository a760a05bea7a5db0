/** The sharding family on two GPUs, the same adapter twice; all cases under JAXSCALE_FULL=1. */
const adapter = process.env.JAXSCALE_ADAPTER || "any";
process.env.JAXSCALE_ADAPTER = `${adapter},${adapter}`;
process.env.JAXSCALE_DEVICES = "8";

const { familyTests } = await import("./test-family.ts");

const tests = await familyTests("sharding");

tests.run();
