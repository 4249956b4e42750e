import { writeFile } from 'node:fs/promises';
import { ServersError } from '../dev/attempts.ts';
import { createReport, type Report } from '../dev/report.ts';
import { ConcordError } from '../domain/errors.ts';
import { type Options, readOptions } from './options.ts';
import { performRun } from './perform.ts';
import { renderReport } from './report.ts';

const FAILED = 1;
const UNREACHABLE = 3;
const STOPPED_BY_SIGNAL = 130;

/** `npm run chaos`: orders under faults, and the verdict. */
async function main(): Promise<number> {
  const options = readOptions();
  const report = createReport();
  const ends: (() => Promise<void>)[] = [];
  const stopAll = async () => {
    // Last begun, first ended.
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
  };
  endOnSignal(report, stopAll);
  try {
    return await judge(options, report, (end) => void ends.push(end));
  } finally {
    await stopAll();
  }
}

async function judge(
  options: Options,
  report: Report,
  cleanUp: (end: () => Promise<void>) => void,
): Promise<number> {
  const result = await performRun(options, report, cleanUp);
  if (options.report !== undefined) {
    await writeFile(options.report, `${JSON.stringify(result, null, 2)}\n`);
  }
  console.log(renderReport(result));
  return result.verdict === 'passed' ? 0 : FAILED;
}

/** A second signal ends at once: the guard then ends the servers. */
function endOnSignal(report: Report, stopAll: () => Promise<void>): void {
  let signals = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) process.exit(STOPPED_BY_SIGNAL);
      report.note('Stopping the workers and the servers …');
      void stopAll().finally(() => process.exit(STOPPED_BY_SIGNAL));
    });
  }
}

try {
  // Customers who still wait for an answer must not keep a finished run alive.
  process.exit(await main());
} catch (error) {
  if (!(error instanceof ServersError || error instanceof ConcordError)) throw error;
  console.error(error.message);
  process.exit(UNREACHABLE);
}
