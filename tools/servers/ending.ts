export type CleanUp = (end: () => Promise<void>) => void;

/** Ends what was begun, the last first. If one can't be ended, the others are ended, and its error is thrown then. */
export function createEnding(): { readonly cleanUp: CleanUp; endAll(): Promise<void> } {
  const ends: (() => Promise<void>)[] = [];
  return {
    cleanUp: (end) => void ends.push(end),
    async endAll() {
      const failures: unknown[] = [];
      for (let end = ends.pop(); end !== undefined; end = ends.pop()) {
        await end().catch((error) => failures.push(error));
      }
      if (failures.length > 0) throw failures[0];
    },
  };
}
