import { access, constants, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { interruptible } from '../../client/cli/shared/interrupt.ts';
import { type Output, safe, table } from '../../client/cli/shared/output.ts';
import { exitCodes } from '../../client/cli/shared/print-error.ts';
import type { Session } from '../../client/cli/shared/session.ts';
import type { GlobalOptions } from '../../client/cli/shared/target.ts';
import { ConcordError } from '../../domain/errors.ts';
import { userTemporal } from '../measure/user-temporal.ts';
import { type Comparison, type Part, parts } from './result.ts';

export interface CompareFlags {
  readonly orders: number;
  readonly rounds: number;
  readonly faultSeconds: number;
  readonly only?: readonly Part[];
  readonly html?: string;
}

/** `compare` */
export async function compare(
  { html, only = parts, ...numbers }: CompareFlags,
  session: Session,
): Promise<void> {
  const { output } = session;
  refuseNamespace(session.options);
  // Better now than after ten minutes.
  if (html !== undefined) await checkWritable(html);
  const temporal = await userTemporal(session.options);

  // Loads servers, workers and all: not for `--help`, nor for bad input.
  const { compareStrategies } = await import('./compare.ts').catch(refuseMissing);
  const progress = await output.progress('comparing the strategies');
  const ends: (() => Promise<void>)[] = [];
  const work = compareStrategies({
    ...{ ...numbers, parts: only },
    ...(temporal === undefined ? {} : { temporal }),
    tell: progress.report,
    cleanUp: (end) => void ends.push(end),
  });
  // What ends a process in good order ends a comparison like Ctrl-C.
  const asInterrupt = () => process.emit('SIGINT', 'SIGINT');
  process.once('SIGTERM', asInterrupt);
  try {
    const comparison = await interruptible(work, () => 'stopped; what it had started is ended');
    progress.stop();
    await printComparison(comparison, output);
    if (html !== undefined) await writeReport(html, comparison, output);
    if (comparison.violations.length > 0) session.exitCode = exitCodes.refused;
  } catch (error) {
    throw await asUnreachable(error);
  } finally {
    process.off('SIGTERM', asInterrupt);
    progress.report('ending the servers');
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
    progress.stop();
  }
}

async function printComparison(comparison: Comparison, output: Output): Promise<void> {
  const { columns, sectionsOf, verdictOf } = await import('./sections.ts');
  const sections = sectionsOf(comparison);
  const { bold, green, red } = output.colors;
  const isClean = comparison.violations.length === 0;
  await output.print({
    document: comparison,
    rows: [
      ...sections.flatMap(({ title, rows }) =>
        rows.length > 0 ? rows.map((row) => [title, ...row]) : [[title]],
      ),
      [verdictOf(comparison)],
    ],
    terminal: async () => {
      const tables = sections.map(async ({ title, rows }) => {
        const heading = bold(safe(title));
        return rows.length === 0
          ? heading
          : `${heading}\n${await table(['', ...columns], rows, output.colors)}`;
      });
      const verdict = (isClean ? green : red)(safe(verdictOf(comparison)));
      const { machine, servers } = comparison;
      const where = safe(`${machine}; Temporal ${servers.temporal}; MongoDB ${servers.mongodb}`);
      return [...(await Promise.all(tables)), where, verdict].join('\n\n');
    },
  });
}

async function writeReport(file: string, comparison: Comparison, output: Output): Promise<void> {
  const { renderPage } = await import('./page.ts');
  await writeFile(file, await renderPage(comparison));
  output.note(`the report with plots is in ${file}`);
}

function refuseNamespace({ namespace }: GlobalOptions): void {
  if (namespace === undefined) return;
  const fix = 'leave it out: a comparison uses a namespace of its own';
  throw new ConcordError('InvalidInput', { problems: [{ field: '--namespace', fix }] });
}

/** What can't be started can't be reached either; the message says what to do. */
async function asUnreachable(error: unknown): Promise<unknown> {
  const { ServersError } = await import('../programs/attempts.ts');
  if (!(error instanceof ServersError)) return error;
  const details = { server: 'a server', address: 'this machine', fix: error.message };
  return new ConcordError('Unreachable', details, { cause: error });
}

/** What only a comparison needs is optional to the package: an image of a worker has no use for it. */
function refuseMissing(error: unknown): never {
  const missing = /Cannot find package '([^']+)'/.exec(error instanceof Error ? error.message : '')?.[1];
  if (missing === undefined) throw error;
  const fix = `${missing} is not installed: install concord with its optional dependencies`;
  throw new ConcordError(
    'Unreachable',
    { server: 'a server', address: 'this machine', fix },
    { cause: error },
  );
}

async function checkWritable(file: string): Promise<void> {
  const refuse = (fix: string) => new ConcordError('InvalidInput', { problems: [{ field: '--html', fix }] });
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory()) throw refuse(`${file} is a directory; name a file`);
  const toWrite = found === undefined ? path.dirname(file) : file;
  await access(toWrite, constants.W_OK).catch(() => {
    throw refuse(
      `${file} can't be written; name a file in a directory that exists and that you may write to`,
    );
  });
}
