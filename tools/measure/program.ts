import { ConcordError } from '../../domain/errors.ts';
import { ServersError } from '../servers/attempts.ts';
import { createReport, type Report } from '../servers/report.ts';
import { onStopSignal, STOPPED_BY_SIGNAL } from '../start/stop-signals.ts';

/** Takes what ends something that was begun. */
export type CleanUp = (end: () => Promise<void>) => void;

export interface Program {
  readonly report: Report;
  readonly cleanUp: CleanUp;
}

const BAD_INPUT = 2;
const UNREACHABLE = 3;

/** Ends what was begun, the last first; one that can't be ended keeps none of the others, and is thrown at the end. */
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

/** Runs a tool, and ends the process with the exit code that it returns; before that what it has begun, however it ends. */
export async function runProgram(
  work: (program: Program) => Promise<number>,
  report = createReport(),
): Promise<void> {
  const { cleanUp, endAll } = createEnding();
  let isStopped = false;
  const stop = () => {
    isStopped = true;
    return endAll();
  };
  void onStopSignal(report, stop).then(() => process.exit(STOPPED_BY_SIGNAL));
  try {
    process.exitCode = await work({ report, cleanUp });
  } catch (error) {
    // Whatever fails then fails because its servers are gone.
    if (isStopped) return;
    process.exitCode = exitCodeOf(error);
    console.error(`error: ${(error as Error).message}`);
  } finally {
    await endAll();
  }
  // Who still waits for an answer must not keep a finished run alive.
  if (!isStopped) process.exit();
}

function exitCodeOf(error: unknown): number {
  if (error instanceof ServersError) return UNREACHABLE;
  if (error instanceof ConcordError) return error.kind === 'bad input' ? BAD_INPUT : UNREACHABLE;
  throw error;
}
