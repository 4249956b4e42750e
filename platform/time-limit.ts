/** Waits for at most so many milliseconds. Work that takes longer goes on, but its result is lost. */
export async function within<Result>(
  milliseconds: number,
  work: () => Promise<Result>,
  failure = () => new Error(`no answer in ${milliseconds} ms`),
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(failure()), milliseconds);
  });
  try {
    return await Promise.race([work(), timeUp]);
  } finally {
    clearTimeout(timer);
  }
}
