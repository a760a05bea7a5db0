import { familyTests } from "./test-family.ts";

const tests = await familyTests("reduce");

tests.run();
