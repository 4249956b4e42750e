/** Waits for all, even if one fails, then throws the first failure: `Promise.all` would leave the others running. */
export function allDone(work: readonly Promise<void>[]): Promise<void> {
  return Promise.allSettled(work).then((results) => {
    const failed = results.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  });
}
