import { writeFile } from 'node:fs/promises';
import { ConcordError } from '../../domain/errors.ts';
import { ServersError } from '../servers/attempts.ts';
import { createReport, type Report } from '../servers/report.ts';
import { onStopSignal, STOPPED_BY_SIGNAL } from '../start/stop-signals.ts';
import { type Options, readOptions, type Tool } from './options.ts';
import { type Stage, setStage } from './tool-stage.ts';

/** What comes of a measurement. */
export interface Measurement {
  /** What should not be; empty where all is well. */
  readonly problems: readonly string[];
}

const FAILED = 1;
const UNREACHABLE = 3;

/** Runs a tool on its own stage, prints what it has measured, and ends the process: with 1 where there are problems. */
export function runTool<Result extends Measurement>(
  tool: Tool,
  measure: (stage: Stage, options: Options, report: Report) => Promise<Result>,
  render: (result: Result) => string,
): Promise<void> {
  const options = readOptions(tool);
  return endingAll(async (report, cleanUp) => {
    const stage = await setStage(report, cleanUp);
    const result = await measure(stage, options, report);
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(result, null, 2)}\n`);
    console.log(render(result));
    return result.problems.length === 0 ? 0 : FAILED;
  });
}

/** Ends the process with this work's exit code, and before that what it has started, however it ends. */
export async function endingAll(
  work: (report: Report, cleanUp: (end: () => Promise<void>) => void) => Promise<number>,
): Promise<void> {
  const report = createReport();
  const ends: (() => Promise<void>)[] = [];
  const endAll = async () => {
    // Last begun, first ended.
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
  };
  void onStopSignal(report, endAll).then(() => process.exit(STOPPED_BY_SIGNAL));
  try {
    process.exitCode = await work(report, (end) => void ends.push(end));
  } catch (error) {
    if (!(error instanceof ServersError || error instanceof ConcordError)) throw error;
    console.error(error.message);
    process.exitCode = UNREACHABLE;
  } finally {
    await endAll();
  }
  process.exit();
}
