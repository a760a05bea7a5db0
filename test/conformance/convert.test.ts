import { familyTests } from "./test-family.ts";

const tests = await familyTests("convert");

tests.run();
