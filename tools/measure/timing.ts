/**
 * The median time of each of these works, done in turns, so that whatever else the machine does hits all alike.
 * Milliseconds.
 */
export async function medianTimes<Works extends readonly (() => Promise<void>)[]>(
  repetitions: number,
  works: readonly [...Works],
): Promise<{ [Index in keyof Works]: number }> {
  for (const work of works) for (let turn = 0; turn < WARM_UP; turn += 1) await work();
  const times = works.map((): number[] => []);
  for (let turn = 0; turn < repetitions; turn += 1) {
    for (const [index, work] of works.entries()) times[index]?.push(await timeOf(work));
  }
  return times.map(median) as { [Index in keyof Works]: number };
}

const WARM_UP = 20;

async function timeOf(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}
