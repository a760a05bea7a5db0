/** What `npm start` prints, read again. */
import { readFileSync } from "node:fs";

export interface Exchange {
  readonly checkpoint: string;
  readonly question: string;
  readonly answer: string;
}

/** Questions and answers in order, without the figures. */
export function readTranscript(text: string): Exchange[] {
  const exchanges: Exchange[] = [];
  let checkpoint = "";
  for (const part of text.split(/^(?=> |[\w.-]+ \([^)]* parameters)/m)) {
    const name = /^([\w.-]+) \(.* parameters/.exec(part)?.[1];
    if (name !== undefined) checkpoint = name;
    const found = /^> (.*)\n([\s\S]*?)\n {2}\d+ tokens, the first after \d+\.\d+ s, then \d+ tokens\/s$/m.exec(part);
    if (found) exchanges.push({ checkpoint, question: found[1], answer: found[2] });
  }
  return exchanges;
}

/** The same questions, and what transformers answers. */
export const goldenTranscript = (): Exchange[] =>
  JSON.parse(readFileSync(new URL("../fixtures/demo/golden.json", import.meta.url), "utf8"));
