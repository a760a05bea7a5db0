import { familyTests } from "./test-family.ts";

const tests = await familyTests("transforms");

tests.run();
