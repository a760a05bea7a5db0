import { familyTests } from "./test-family.ts";

const tests = await familyTests("indexing");

tests.run();
