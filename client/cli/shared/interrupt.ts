/** Ctrl-C while something goes on without us. */
export class Interrupted extends Error {}

/** Waits for work that goes on without us until it is done, or until Ctrl-C, and then says farewell. @throws Interrupted */
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
