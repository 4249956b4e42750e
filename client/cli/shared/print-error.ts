import { inspect } from 'node:util';
import { CommanderError } from 'commander';
import { ConcordError, type FailureKind } from '../../../domain/errors.ts';
import type { Placed } from '../../concord.ts';
import { safe, shortened } from './output.ts';
import type { Session } from './session.ts';

/** The exit code of each kind of failure; `--help` lists them. */
export const exitCodes = {
  refused: 1,
  internal: 1,
  'bad input': 2,
  unreachable: 3,
} as const satisfies Record<FailureKind, number>;

/** Ctrl-C while something goes on without us. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

// What a shell reports of a process that SIGINT ended.
const INTERRUPTED = 130;

/** Which exit code an error ends the process with. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof ConcordError) return exitCodes[error.kind];
  if (error instanceof CommanderError) return isHelp(error) ? 0 : exitCodes['bad input'];
  if (error instanceof Interrupted) return INTERRUPTED;
  return exitCodes.internal;
}

/** Of an order that was placed: a refusal is an answer, and yet not what was asked for. */
export function exitCodeOfPlaced({ status }: Placed): number {
  return status === 'rejected' || status === 'cancelled' ? exitCodes.refused : 0;
}

/** An error as a JSON document shows it. */
export function errorDocument(error: unknown): { code: string; message: string; details: object } {
  if (error instanceof ConcordError)
    return { code: error.code, message: error.message, details: error.details };
  if (error instanceof CommanderError) return { code: 'Usage', message: usageMessage(error), details: {} };
  if (error instanceof Interrupted) return { code: 'Interrupted', message: error.message, details: {} };
  return { code: 'Unexpected', message: messages(error), details: {} };
}

/** Prints what went wrong, and what to do, on standard error. */
export function printError(error: unknown, { output, subject }: Session): void {
  if (error instanceof CommanderError && (isHelp(error) || error.code === 'commander.help')) return;
  if (output.json) output.complain(JSON.stringify({ error: errorDocument(error), ...subject }));
  else output.complain(textOf(error, output.errorColors.red('error:')));
  if (output.verbose) output.complain(stackOf(error));
}

function textOf(error: unknown, label: string): string {
  const { message } = errorDocument(error);
  if (error instanceof Interrupted) return safe(message);
  if (error instanceof CommanderError) return `${label} ${safe(message)} (see \`concord --help\`)`;
  if (!(error instanceof ConcordError)) {
    return `${label} ${safe(message)} (unexpected; run with --verbose for the details)`;
  }
  if (error.code !== 'InvalidInput') return `${label} ${safe(message)}`;
  const { problems } = error.details as ConcordError<'InvalidInput'>['details'];
  const lines = problems.map(({ field, fix }) => safe(`${field}: ${fix}`));
  if (lines.length === 1) return `${label} ${lines[0]}`;
  return [`${label} ${lines.length} problems; nothing was sent`, ...lines.map((line) => `  ${line}`)].join(
    '\n',
  );
}

/** The SDK says what it was doing, and only the cause says what went wrong. */
function messages(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${messages(error.cause)}` : error.message;
}

function isHelp({ code }: CommanderError): boolean {
  return code === 'commander.helpDisplayed' || code === 'commander.version';
}

function usageMessage({ message }: CommanderError): string {
  // It repeats what was typed, which may be of any length.
  return shortened(message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' '), 500);
}

function stackOf(error: unknown): string {
  return inspect(error, { depth: 5 })
    .split('\n')
    .map((line) => safe(line))
    .join('\n');
}
