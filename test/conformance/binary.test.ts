import { familyTests } from "./test-family.ts";

const tests = await familyTests("binary");

tests.run();
