import { familyTests } from "./test-family.ts";

const tests = await familyTests("sharding");

tests.run();
