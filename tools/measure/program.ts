import { type Command, CommanderError } from 'commander';
import { whenNpmIsGone } from '../../client/cli/npm-script.mjs';
import { ConcordError } from '../../domain/errors.ts';
import { ServersError } from '../servers/attempts.ts';
import { type CleanUp, createEnding } from '../servers/ending.ts';
import { createReport, type Report } from '../servers/report.ts';

export interface Program {
  readonly report: Report;
  readonly cleanUp: CleanUp;
  /** Breaks the work off, wherever it is, and tells why. */
  readonly fail: (reason: Error) => void;
}

const FAILED = 1;
const BAD_INPUT = 2;
const UNREACHABLE = 3;
const STOPPED_BY_SIGNAL = 130;

/** Reads the command line; ends the process with exit code 2 if it is wrong, and with 0 after `--help`. */
export function optionsOrExit<Options extends object>(command: Command): Options {
  command.allowExcessArguments(false).exitOverride();
  try {
    return command.parse().opts<Options>();
  } catch (error) {
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : BAD_INPUT);
    throw error;
  }
}

/** @param work Returns the exit code; undefined if the tool stays up until a signal ends it, with exit code 0. */
export async function runProgram(
  work: (program: Program) => Promise<number | undefined>,
  report = createReport(),
  tellError = (message: string) => console.error(`error: ${message}`),
): Promise<void> {
  const { cleanUp, endAll } = createEnding();
  const endOrTell = () =>
    endAll().catch(({ message }: Error) => {
      process.exitCode ||= FAILED;
      tellError(`Not everything could be ended: ${message}`);
    });
  let fail: Program['fail'] = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  let isStopped = false;
  let signalCode = STOPPED_BY_SIGNAL;
  const stop = () => {
    isStopped = true;
    report.note('Stopping the workers and the servers …');
    void endOrTell().then(() => process.exit(signalCode));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // A second one ends at once; the guard then ends the servers.
    process.on(signal, () => (isStopped ? process.exit(STOPPED_BY_SIGNAL) : stop()));
  }
  whenNpmIsGone(() => isStopped || stop());
  try {
    process.exitCode = await Promise.race([work({ report, cleanUp, fail }), failed]);
    if (process.exitCode === undefined) {
      signalCode = 0;
      await failed;
    }
  } catch (error) {
    // Whatever fails then fails because its servers are gone.
    if (isStopped) return;
    process.exitCode = exitCodeOf(error);
    tellError((error as Error).message);
  } finally {
    await endOrTell();
  }
  // Who still waits for an answer must not keep a finished run alive.
  if (!isStopped) process.exit();
}

function exitCodeOf(error: unknown): number {
  if (error instanceof ServersError) return UNREACHABLE;
  if (error instanceof ConcordError) return error.kind === 'bad input' ? BAD_INPUT : UNREACHABLE;
  throw error;
}
