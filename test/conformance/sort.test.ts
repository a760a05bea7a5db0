import { familyTests } from "./test-family.ts";

const tests = await familyTests("sort");

tests.run();
