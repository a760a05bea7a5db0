/**
 * The alphabet of byte-level BPE: every byte as a printable character, so that a vocabulary is text.
 * Printable Latin-1 maps to itself; the other bytes, in order, map to the characters from U+0100 on.
 */

const isPrintable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;

const byteOfCharacter: ReadonlyMap<string, number> = new Map(alphabet());

function* alphabet(): Generator<readonly [string, number]> {
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) yield [String.fromCharCode(isPrintable(byte) ? byte : next++), byte];
}

const encoder = new TextEncoder();

/** Decodes a token of the vocabulary to its bytes. */
export function bytesOfToken(token: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = byteOfCharacter.get(character);
    if (byte === undefined) bytes.push(...encoder.encode(character));
    else bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}
