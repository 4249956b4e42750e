import { createHash } from 'node:crypto';

/** A number from 0 up to, and without, 1 that depends on these names alone. */
export function fractionOf(...names: readonly (string | number)[]): number {
  return createHash('sha256').update(JSON.stringify(names)).digest().readUIntBE(0, 6) / 2 ** 48;
}

export type Random = ReturnType<typeof createRandom>;

/** The same seed and stream give the same sequence; each purpose has its own stream. */
export function createRandom(seed: string, stream: string) {
  let drawn = 0;
  const fraction = () => fractionOf(seed, stream, drawn++);
  const whole = (lowest: number, highest: number) => lowest + Math.floor(fraction() * (highest - lowest + 1));
  return {
    fraction,
    /** A whole number, both ends included. */
    whole,
    chance: (probability: number) => fraction() < probability,
    pick: <Item>(items: readonly Item[]) => items[whole(0, items.length - 1)] as Item,
    shuffled: <Item>(items: readonly Item[]) =>
      items
        .map((item) => ({ item, rank: fraction() }))
        .sort((one, other) => one.rank - other.rank)
        .map(({ item }) => item),
  };
}
