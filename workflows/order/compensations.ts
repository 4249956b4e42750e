/** Undoes steps, last to first. Add a compensation before its step: a step that failed may still have been applied. */
export class Compensations {
  private readonly stack: (() => Promise<void>)[] = [];

  add(compensation: () => Promise<void>): void {
    this.stack.push(compensation);
  }

  /** Runs all, even if one fails for good, and returns the errors. The scope must not be one that can be cancelled. */
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
