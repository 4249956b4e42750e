import { setTimeout as delay } from 'node:timers/promises';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { logActivityFault } from './fault-log.ts';
import { fractionOf } from './random.ts';
import type { ChaosWorkerSettings } from './worker-settings.ts';

/** Long enough after an attempt's time is up that its successor runs. Milliseconds. */
const LATE_BY = { least: 800, most: 4_000 } as const;

/**
 * Loses answers of activities that write, and makes some attempts write when nobody waits for them any more. Which ones
 * depends on the seed, the activity and the attempt alone.
 */
export function activityFaults(settings: ChaosWorkerSettings): ActivityInterceptorsFactory {
  const { seed, answerLost, lateTry, faultLog } = settings;
  return ({ info }) => {
    const { activityType, activityId, attempt, startToCloseTimeoutMs } = info;
    const workflowId = info.workflowExecution?.workflowId ?? '';
    const fractionFor = (purpose: string) =>
      fractionOf(seed, purpose, workflowId, activityType, activityId, attempt);
    const log = (kind: 'late-try' | 'answer-lost') =>
      logActivityFault(faultLog, { kind, target: activityType, workflowId, attempt });
    return {
      inbound: {
        async execute(input, next) {
          if (!writes(activityType)) return next(input);
          if (fractionFor('late-try') < lateTry) {
            const ended = log('late-try');
            const lateBy = LATE_BY.least + fractionFor('late-by') * (LATE_BY.most - LATE_BY.least);
            await delay(startToCloseTimeoutMs + lateBy);
            return next(input).finally(ended);
          }
          const answer = next(input);
          if (fractionFor('answer-lost') >= answerLost) return answer;
          await Promise.allSettled([answer]);
          log('answer-lost')();
          throw new Error('the answer was lost');
        },
      },
    };
  };
}

function writes(activityType: string): boolean {
  return /\.(prepare|commit|rollback|receive)$/.test(activityType);
}
