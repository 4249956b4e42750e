import type { Report } from '../servers/report.ts';

/** The exit code of a command that a signal has ended. */
export const STOPPED_BY_SIGNAL = 130;

/** Resolves once a signal has been taken care of; a second one ends at once (the guard then ends the servers). */
export function onStopSignal(report: Report, stop: () => Promise<void>): Promise<void> {
  return new Promise((done) => {
    let signals = 0;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        signals += 1;
        if (signals > 1) process.exit(STOPPED_BY_SIGNAL);
        report.note('Stopping the workers and the servers …');
        void stop().finally(done);
      });
    }
  });
}
