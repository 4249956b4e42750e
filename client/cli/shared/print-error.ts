import { inspect } from 'node:util';
import { CommanderError } from 'commander';
import { ConcordError, type FailureDetails, type FailureKind } from '../../../domain/errors.ts';
import type { Placed } from '../../concord.ts';
import { Interrupted } from './interrupt.ts';
import { safe, shortened } from './output.ts';
import type { Session } from './session.ts';

/** The exit code of each kind of failure; `--help` lists them. */
export const exitCodes = {
  refused: 1,
  internal: 1,
  'bad input': 2,
  unreachable: 3,
} as const satisfies Record<FailureKind, number>;

export function exitCodeOf(error: unknown): number {
  if (error instanceof ConcordError) return exitCodes[error.kind];
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes['bad input'];
  // What a shell reports of a process that SIGINT ended.
  return error instanceof Interrupted ? 130 : exitCodes.internal;
}

/** Which exit code a placed order ends the process with: a refusal is an answer, and yet not what was asked for. */
export function exitCodeOfPlaced({ status }: Placed): number {
  return status === 'rejected' || status === 'cancelled' ? exitCodes.refused : 0;
}

export function errorDocument(error: unknown): { code: string; message: string; details: object } {
  if (error instanceof ConcordError)
    return { code: error.code, message: error.message, details: error.details };
  if (error instanceof Interrupted) return { code: 'Interrupted', message: error.message, details: {} };
  if (!(error instanceof CommanderError))
    return { code: 'Unexpected', message: messages(error), details: {} };
  // It repeats what was typed, which may be of any length.
  const message = shortened(error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' '), 500);
  return { code: 'Usage', message, details: {} };
}

export function printError(error: unknown, { output, subject }: Session): void {
  const isHelp = error instanceof CommanderError && error.code === 'commander.help';
  if (isHelp || exitCodeOf(error) === 0) return;
  if (output.json) output.complain(JSON.stringify({ error: errorDocument(error), ...subject }));
  else output.complain(textOf(error, output.errorColors.red('error:')));
  if (output.verbose) output.complain(inspect(error, { depth: 5 }).split('\n').map(safe).join('\n'));
}

function textOf(error: unknown, label: string): string {
  const message = safe(errorDocument(error).message);
  if (error instanceof Interrupted) return message;
  if (error instanceof CommanderError) return `${label} ${message} (see \`concord --help\`)`;
  if (!(error instanceof ConcordError))
    return `${label} ${message} (unexpected; run with --verbose for the details)`;
  const { problems = [] }: Partial<FailureDetails['InvalidInput']> = error.details;
  if (problems.length < 2) return `${label} ${message}`;
  const lines = problems.map(({ field, fix }) => safe(`  ${field}: ${fix}`));
  return [`${label} ${lines.length} problems; nothing was sent`, ...lines].join('\n');
}

/** The SDK says what it was doing, and only the cause says what went wrong. */
function messages(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${messages(error.cause)}` : error.message;
}
