/** Ctrl-C while something goes on without us. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * Waits for `work`, which goes on without us, until it is done or Ctrl-C is pressed.
 *
 * @param farewell Says then what goes on, and how to look at it.
 * @throws Interrupted
 */
export async function interruptible<Result>(work: Promise<Result>, farewell: () => string): Promise<Result> {
  let onInterrupt = () => {};
  const interrupted = new Promise<never>((_, reject) => {
    onInterrupt = () => reject(new Interrupted(farewell()));
    // Not `once`: a spinner's own handler ends the process if it finds no other one.
    process.on('SIGINT', onInterrupt);
  });
  try {
    work.catch(() => {}); // what happens after Ctrl-C is no longer ours to report
    return await Promise.race([work, interrupted]);
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}
