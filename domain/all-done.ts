/**
 * Waits for all of them, even where one fails, and only then throws what the first of the failed ones threw.
 * (`Promise.all` would leave the others running unattended.)
 */
export function allDone(work: readonly Promise<void>[]): Promise<void> {
  return Promise.allSettled(work).then((results) => {
    const failed = results.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  });
}
