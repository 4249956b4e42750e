import type { LogLevel, Logger as TemporalLogger } from '@temporalio/common';
import { DefaultLogger } from '@temporalio/worker';
import { type Logger, pino } from 'pino';
import { defined } from '../domain/defined.ts';

/** One JSON object a line, on standard output. */
export const createLogger = (level: string, service: string): Logger => pino({ level, base: { service } });

/** Hands the SDK's log lines, and those of workflows and activities, to the same logger. */
export function temporalLogger(logger: Logger): TemporalLogger {
  return new DefaultLogger('TRACE', ({ level, message, meta: { error, ...attributes } = {} }) => {
    const write = logger[level.toLowerCase() as Lowercase<LogLevel>].bind(logger);
    write(defined({ ...attributes, err: error }), message);
  });
}
