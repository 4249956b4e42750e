import type { Context } from '@temporalio/activity';
import { ApplicationFailure, type MetricMeter } from '@temporalio/common';
import type { ActivityInterceptors } from '@temporalio/worker';
import { ConcordError } from '../domain/errors.ts';

/**
 * What every activity has in common: a failure says by its class whether it is retried, and each log line says which
 * order it is about, and Temporal hears that its worker lives, where it asks. (The SDK itself logs each attempt's start
 * and end, with attempt and workflow id.)
 */
export function activityInterceptors(context: Context): ActivityInterceptors {
  const { info, metricMeter } = context;
  let orderId: string | undefined;
  return {
    inbound: {
      async execute(input, next) {
        orderId = orderIdOf(input.args[0]);
        const heartbeats = startHeartbeats(context);
        if (info.attempt > 1) countRetry(metricMeter, info.activityType);
        try {
          return await next(input);
        } catch (error) {
          throw classified(error);
        } finally {
          clearInterval(heartbeats);
        }
      },
    },
    outbound: {
      getLogAttributes: (input, next) => next(orderId === undefined ? input : { ...input, orderId }),
    },
  };
}

function startHeartbeats(context: Context): NodeJS.Timeout | undefined {
  const { heartbeatTimeoutMs } = context.info;
  if (!heartbeatTimeoutMs) return undefined;
  return setInterval(() => context.heartbeat(), heartbeatTimeoutMs / 4);
}

/** By activity, under the name that the SDK's own metrics have for it. */
function countRetry(meter: MetricMeter, activityType: string): void {
  meter
    .createCounter('concord_activity_retries', '', 'Attempts of activities after their first')
    .add(1, { activity_type: activityType });
}

function classified(error: unknown): unknown {
  if (!(error instanceof ConcordError)) return error;
  return ApplicationFailure.create({
    type: error.code,
    message: error.message,
    nonRetryable: !error.retryable,
    details: [error.details],
    cause: error,
  });
}

function orderIdOf(argument: unknown): string | undefined {
  if (typeof argument !== 'object' || argument === null || !('order' in argument)) return undefined;
  const { order } = argument;
  if (typeof order !== 'object' || order === null || !('orderId' in order)) return undefined;
  return typeof order.orderId === 'string' ? order.orderId : undefined;
}
