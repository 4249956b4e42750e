import { writeFile } from 'node:fs/promises';
import { ConcordError } from '../../domain/errors.ts';
import { ServersError } from '../programs/attempts.ts';
import { createReport, type Report } from '../programs/report.ts';
import { onStopSignal, STOPPED_BY_SIGNAL } from '../start/stop-signals.ts';
import { type Options, readOptions } from './options.ts';
import { performRun } from './perform.ts';
import { renderReport } from './run-report.ts';

const FAILED = 1;
const UNREACHABLE = 3;

/** `npm run chaos`: orders under faults, and the verdict. */
async function main(): Promise<number> {
  const options = readOptions();
  const report = createReport();
  const ends: (() => Promise<void>)[] = [];
  const stopAll = async () => {
    // Last begun, first ended.
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
  };
  void onStopSignal(report, stopAll).then(() => process.exit(STOPPED_BY_SIGNAL));
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

try {
  // Customers who still wait for an answer must not keep a finished run alive.
  process.exit(await main());
} catch (error) {
  if (!(error instanceof ServersError || error instanceof ConcordError)) throw error;
  console.error(error.message);
  process.exit(UNREACHABLE);
}
