/** Flags that several commands share, and how they may be written. */
import { InvalidArgumentError, type Option } from "commander";

/** `--model-path` as `--model_path`, the spelling in which flags are declared; values and what follows `--` stay as they are. */
export function withUnderscores(args: readonly string[], options: readonly Option[]): string[] {
  const end = args.indexOf("--");
  let isValue = false;
  return args.map((arg, i) => {
    if (isValue || (end >= 0 && i >= end) || !/^--[a-z]/.test(arg)) {
      isValue = false;
      return arg;
    }
    const [name, ...value] = arg.split("=");
    const flag = `--${name.slice(2).replaceAll("-", "_")}`;
    isValue = value.length === 0 && options.some(({ long, required }) => long === flag && required);
    return [flag, ...value].join("=");
  });
}

/** A whole number of at least `min`. */
export const integer =
  (min: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^[+-]?\d+$/.test(text.trim()) || !Number.isSafeInteger(value) || value < min)
      throw new InvalidArgumentError(`It must be a whole number, at least ${min}.`);
    return value;
  };

/** Whole numbers of at least `min`, in one word with commas or in several words. Without a default, which would come first. */
export const integers =
  (min: number) =>
  (text: string, before: readonly number[] = []): readonly number[] => [
    ...before,
    ...text
      .split(",")
      .filter((part) => part !== "")
      .map(integer(min)),
  ];

/** A number between two others, which it may equal unless `above` says otherwise. */
export const numberIn =
  ({
    above,
    min = -Infinity,
    max = Infinity,
  }: {
    readonly above?: number;
    readonly min?: number;
    readonly max?: number;
  }) =>
  (text: string): number => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (Number.isFinite(value) && value >= min && value <= max && (above === undefined || value > above)) return value;
    const low = above === undefined ? `at least ${min}` : `above ${above}`;
    throw new InvalidArgumentError(`It must be a number, ${low}${max === Infinity ? "" : ` and at most ${max}`}.`);
  };
