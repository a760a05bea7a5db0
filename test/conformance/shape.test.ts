import { familyTests } from "./test-family.ts";

const tests = await familyTests("shape");

tests.run();
