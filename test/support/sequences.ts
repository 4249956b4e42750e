/** Every sequence of `length` of these items; its beginnings are every shorter one. */
export function sequencesOf<Item>(items: readonly Item[], length: number): Item[][] {
  if (length === 0) return [[]];
  return sequencesOf(items, length - 1).flatMap((sequence) => items.map((item) => [...sequence, item]));
}
