import { accessSync, constants, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { InvalidArgumentError } from 'commander';
import { ConcordError } from '../../domain/errors.ts';
import { ServersError } from '../programs/attempts.ts';
import { createReport, type Report } from '../programs/report.ts';
import { onStopSignal, STOPPED_BY_SIGNAL } from '../start/stop-signals.ts';

/** Takes what ends something that was begun. */
export type CleanUp = (end: () => Promise<void>) => void;

export interface Program {
  readonly report: Report;
  readonly cleanUp: CleanUp;
}

const BAD_INPUT = 2;
const UNREACHABLE = 3;

/** Ends what was begun, the last first. */
export function createEnding(): { readonly cleanUp: CleanUp; endAll(): Promise<void> } {
  const ends: (() => Promise<void>)[] = [];
  return {
    cleanUp: (end) => void ends.push(end),
    async endAll() {
      for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
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

/** Takes an option's value as a whole number. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `${least}` : `${least} to ${most}`;
    throw new InvalidArgumentError(`Use a whole number from ${range}.`);
  };
}

/** A number above 0. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('Use a number above 0.');
}

/** Several values, with commas between. */
export function listOf<Value>(parse: (text: string) => Value): (text: string) => Value[] {
  return (text) => text.split(',').map(parse);
}

/** One of these names. */
export function oneOf<Name extends string>(names: readonly Name[]): (text: string) => Name {
  return (text) => {
    const found = names.find((name) => name === text);
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`Use one of ${names.join(', ')}; more with commas between.`);
  };
}

/** Refuses a file that can't be written: better now than after ten minutes. */
export function checkWritable(option: string, file: string | undefined): void {
  if (file === undefined) return;
  const refuse = (fix: string) => new ConcordError('InvalidInput', { problems: [{ field: option, fix }] });
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw refuse(`${file} is a directory; name a file`);
  try {
    accessSync(found === undefined ? path.dirname(file) : file, constants.W_OK);
  } catch {
    throw refuse(
      `${file} can't be written; name a file in a directory that exists and that you may write to`,
    );
  }
}

/** Writes a result as JSON, where that was asked for. */
export function writeJson(file: string | undefined, result: object): void {
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
}
