import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptors } from '@temporalio/worker';
import { ConcordError } from '../domain/errors.ts';
import type { ParticipantRequest } from '../domain/participant.ts';

/** Has each failure say by its class whether it is retried, each log line name its order, and Temporal hear heartbeats. */
export function activityInterceptors(context: Context): ActivityInterceptors {
  const { info, metricMeter } = context;
  let orderId: string | undefined;
  return {
    inbound: {
      async execute(input, next) {
        const given = (input.args[0] as Partial<ParticipantRequest> | null | undefined)?.order?.orderId;
        if (typeof given === 'string') orderId = given;
        const { heartbeatTimeoutMs: limit } = info;
        const heartbeats = limit && setInterval(() => context.heartbeat(), limit / 4);
        // Each by its activity, under the name that the SDK's own metrics have for it.
        if (info.attempt > 1)
          metricMeter
            .createCounter('concord_activity_retries', '', 'Attempts of activities after their first')
            .add(1, { activity_type: info.activityType });
        try {
          return await next(input);
        } catch (error) {
          throw classified(error);
        } finally {
          clearInterval(heartbeats);
        }
      },
    },
    outbound: { getLogAttributes: (input, next) => next({ ...input, ...(orderId && { orderId }) }) },
  };
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
