/** Elements on the host as bytes of a dtype on the device. */
import { type DType, itemSizeBytes } from "jaxscale";
import { castBytes, isFloatDType } from "../safetensors/cast.ts";
import type { RowValues } from "./quantized/rows.ts";

/** Writes elements one behind the other; those of four bits share bytes, the first in the low half. */
export class ElementWriter {
  readonly #dtype: DType;
  /** The low half of a byte whose high half comes with the next elements. */
  #half: number | undefined;

  constructor(dtype: DType) {
    this.#dtype = dtype;
  }

  /** Bytes of elements; a half of the last byte waits for the next ones. */
  bytes(values: RowValues): Uint8Array {
    // Two of four bits are a byte.
    if (itemSizeBytes(this.#dtype) === 0.5) return this.#packed(values);
    if (values instanceof Float32Array && isFloatDType(this.#dtype)) {
      const bytes = new Uint8Array(values.slice().buffer);
      return castBytes(bytes, "float32", this.#dtype);
    }
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }

  /** The byte that waits, if there is one. */
  rest(): Uint8Array {
    const rest = this.#half === undefined ? new Uint8Array(0) : Uint8Array.of(this.#half);
    this.#half = undefined;
    return rest;
  }

  #packed(values: RowValues): Uint8Array {
    const skipped = this.#half === undefined || values.length === 0 ? 0 : 1;
    const bytes = new Uint8Array(Math.floor((values.length - skipped) / 2) + skipped);
    let at = 0;
    if (skipped === 1) bytes[at++] = (this.#half as number) | ((values[0] & 15) << 4);
    const pairs = values.length - ((values.length - skipped) % 2);
    for (let i = skipped; i < pairs; i += 2) bytes[at++] = (values[i] & 15) | ((values[i + 1] & 15) << 4);
    if (skipped === 1 || this.#half === undefined) this.#half = pairs < values.length ? values[pairs] & 15 : undefined;
    return bytes;
  }
}
