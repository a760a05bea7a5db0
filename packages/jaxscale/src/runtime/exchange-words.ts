/** What a collective gives, made on the host from the words that the GPUs of a group send. */
import { DeviceError, invariant } from "../base/errors.ts";
import { type Combine, foldWords } from "./fold.ts";
import type { Exchange } from "./transport.ts";

/**
 * Writes what GPUs receive.
 * @param exchanges of GPUs of one group: all of them, or those that this process has
 * @param words what each GPU of the group sends, by place
 * @param scratch gives so many words, good until it is asked again
 * @throws DeviceError if they do not make the same exchange
 */
export function exchangeWords(
  exchanges: readonly Exchange[],
  words: readonly Uint32Array[],
  scratch: (length: number) => Uint32Array,
): void {
  const [{ collective, dtype, combine, pairs, group }] = exchanges;
  const count = words.length;
  const { length } = words[0];
  const other = exchanges.find((exchange) => exchange.collective !== collective);
  const longer = words.findIndex((sent) => sent.length !== length);
  if (other || longer >= 0)
    throw new DeviceError(
      `GPUs must make the same exchanges in the same order; got ${collective} of ${4 * length} bytes on GPU ${group[0]}, ${
        other
          ? `${other.collective} on GPU ${other.group[other.place]}`
          : `${4 * words[longer].length} on GPU ${group[longer]}`
      }`,
    );
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
      for (const { to, place } of exchanges) to.write(fold(words.map((_, from) => part(from, place))));
      break;
    case "allGather":
      for (const { to } of exchanges) words.forEach((own, i) => to.write(own, i * own.byteLength));
      break;
    case "allToAll":
      for (const { to, place } of exchanges)
        for (let from = 0; from < count; from++) to.write(part(from, place), 4 * from * partLength);
      break;
    case "permute":
      for (const { to, place } of exchanges) {
        const sender = pairs?.find(([, receiver]) => receiver === place)?.[0];
        to.write(sender === undefined ? scratch(length).fill(0) : words[sender]);
      }
      break;
    default: {
      const unknown: never = collective;
      invariant(false, `no collective ${unknown}`);
    }
  }
}
