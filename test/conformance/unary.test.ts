import { familyTests } from "./test-family.ts";

const tests = await familyTests("unary");

tests.run();
