import { familyTests } from "./test-family.ts";

const tests = await familyTests("nn");

tests.run();
