import { familyTests } from "./test-family.ts";

const tests = await familyTests("dot");

tests.run();
