import type { Report } from '../servers/report.ts';

/** The exit code of a command that a signal has ended. */
export const STOPPED_BY_SIGNAL = 130;

/** Resolves once a signal has been taken care of; a second one ends at once (the guard then ends the servers). */
export function onStopSignal(report: Report, stop: () => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    const end = () => {
      if (stopping) process.exit(STOPPED_BY_SIGNAL);
      stopping = true;
      report.note('Stopping the workers and the servers …');
      stop().then(resolve, reject);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
    // npm hands a signal to the shell that it runs us in, which ends without passing it on.
    const { ppid } = process;
    const isLeft = () => process.env.npm_lifecycle_event !== undefined && process.ppid !== ppid;
    setInterval(() => isLeft() && !stopping && end(), 500).unref();
  });
}
