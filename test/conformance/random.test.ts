import { familyTests } from "./test-family.ts";

const tests = await familyTests("random");

tests.run();
