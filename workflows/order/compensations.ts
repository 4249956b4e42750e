/** Undoes steps, last to first. Add a compensation before its step: a step that failed may still have been applied. */
export class Compensations {
  private readonly stack: (() => Promise<void>)[] = [];

  add(compensation: () => Promise<void>): void {
    this.stack.push(compensation);
  }

  /**
   * Runs them all, in a scope that must not be cancelled, and returns the errors of those that failed for good: one
   * broken participant doesn't keep the others' stock.
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
