/**
 * What undoes the steps that were begun, last to first. Register a compensation before its step: a step that failed
 * may still have been applied.
 */
export class Compensations {
  private readonly stack: (() => Promise<void>)[] = [];

  add(compensation: () => Promise<void>): void {
    this.stack.push(compensation);
  }

  /**
   * Runs them all, even where one fails for good, so that one broken participant doesn't keep the others' stock.
   * Call it in a scope that can't be cancelled.
   *
   * @returns The failures of those that failed for good; empty where all is undone.
   */
  async run(): Promise<unknown[]> {
    const failures: unknown[] = [];
    for (let undo = this.stack.pop(); undo !== undefined; undo = this.stack.pop()) {
      try {
        await undo();
      } catch (error) {
        failures.push(error);
      }
    }
    return failures;
  }
}
