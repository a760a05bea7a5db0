/** What a collective gives, made on the host from the words of all GPUs of a group. */
import { DeviceError, invariant } from "../base/errors.ts";
import { type Combine, foldWords } from "./fold.ts";
import type { Exchange } from "./transport.ts";

/**
 * Writes the `to` of every GPU.
 * @param exchanges of the GPUs of a group, in order
 * @param words what each sends
 * @param scratch gives so many words, good until it is asked again
 */
export function exchangeWords(
  exchanges: readonly Exchange[],
  words: readonly Uint32Array[],
  scratch: (length: number) => Uint32Array,
): void {
  const [{ collective, dtype, combine, pairs }] = exchanges;
  exchanges.forEach(({ from, group, ...other }, i) => {
    if (other.collective !== collective || words[i].length !== words[0].length)
      throw new DeviceError(
        `GPUs must make the same exchanges in the same order; got ${collective} of ${4 * words[0].length} bytes on GPU ${group[0]}, ${other.collective} of ${from.sizeBytes} on GPU ${group[i]}`,
      );
  });
  const count = exchanges.length;
  const { length } = words[0];
  const partLength = length / count;
  const part = (from: number, place: number): Uint32Array =>
    words[from].subarray(place * partLength, (place + 1) * partLength);
  // In order of the group, whoever arrives last: results do not depend on chance.
  const fold = (parts: readonly Uint32Array[]): Uint32Array => {
    const into = scratch(parts[0].length);
    into.set(parts[0]);
    for (let i = 1; i < parts.length; i++) foldWords(dtype, combine as Combine, into, parts[i]);
    return into;
  };
  switch (collective) {
    case "allReduce": {
      const folded = fold(words);
      for (const { to } of exchanges) to.write(folded);
      break;
    }
    case "reduceScatter":
      exchanges.forEach(({ to }, place) => to.write(fold(words.map((_, from) => part(from, place)))));
      break;
    case "allGather":
      for (const { to } of exchanges) words.forEach((own, i) => to.write(own, i * own.byteLength));
      break;
    case "allToAll":
      exchanges.forEach(({ to }, place) => {
        for (let from = 0; from < count; from++) to.write(part(from, place), 4 * from * partLength);
      });
      break;
    case "permute":
      exchanges.forEach(({ to }, place) => {
        const sender = pairs?.find(([, receiver]) => receiver === place)?.[0];
        to.write(sender === undefined ? scratch(length).fill(0) : words[sender]);
      });
      break;
    default: {
      const unknown: never = collective;
      invariant(false, `no collective ${unknown}`);
    }
  }
}
