import { setTimeout as delay } from 'node:timers/promises';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { z } from 'zod';
import { type ActivityFault, logActivityFault } from './fault-log.ts';
import { fractionOf } from './random.ts';

const rate = z.number().min(0).max(1);

export const faultSettingsSchema = z.object({
  seed: z.string(),
  /** How often a fault hits an attempt of an activity. */
  rates: z.object({
    /** Its answer is lost after its write. */
    answerLost: rate,
    /** It begins only when its time is up and its successor runs. */
    lateTry: rate,
    /** The message or event that it takes comes once more, now or some seconds later. */
    lateCopy: rate,
    /** The event that it takes comes late, so that a newer one may come first. */
    heldUp: rate,
  }),
  /** Says by how many milliseconds this worker's clock is wrong. */
  clockFile: z.string(),
  /** Gets a line of JSON for each fault. */
  faultLog: z.string(),
});

/** What a chaos worker is told beside a worker's own settings. */
export type FaultSettings = z.infer<typeof faultSettingsSchema>;

/** Long enough after an attempt's time is up that its successor runs. Milliseconds. */
const LATE_BY = { least: 800, most: 4_000 } as const;
/** Some copies of an announcement come at once, and some after newer ones of their order. Milliseconds. */
const COPY_AFTER = { least: 0, most: 8_000 } as const;
/** Long enough that a newer event of the same order may come first. Milliseconds. */
const HELD_FOR = { least: 1_000, most: 6_000 } as const;

/**
 * Loses answers of activities that write or hand over, and makes some attempts write when nobody waits for them any more;
 * lets some announcements come twice, and some events late. Which ones depends on the seed, the activity and the attempt
 * alone.
 */
export function activityFaults({ seed, rates, faultLog }: FaultSettings): ActivityInterceptorsFactory {
  return ({ info }) => {
    const { activityType, activityId, attempt, startToCloseTimeoutMs } = info;
    const workflowId = info.workflowExecution?.workflowId ?? '';
    const fractionFor = (purpose: string) =>
      fractionOf(seed, purpose, workflowId, activityType, activityId, attempt);
    const within = (purpose: string, { least, most }: { least: number; most: number }) =>
      least + fractionFor(purpose) * (most - least);
    const log = (kind: ActivityFault['kind']) =>
      logActivityFault(faultLog, { kind, target: activityType, workflowId, attempt });

    /** Nobody waits for the copy, and nobody hears how it ended. */
    async function repeat(again: () => Promise<unknown>): Promise<void> {
      const ended = log('late-copy');
      await delay(within('copy-after', COPY_AFTER));
      await Promise.allSettled([again()]);
      ended();
    }

    return {
      inbound: {
        async execute(input, next) {
          if (!writes(activityType)) return next(input);
          if (fractionFor('late-try') < rates.lateTry) {
            const ended = log('late-try');
            await delay(startToCloseTimeoutMs + within('late-by', LATE_BY));
            return next(input).finally(ended);
          }
          if (takesEvent(activityType) && fractionFor('held-up') < rates.heldUp) {
            const ended = log('held-up');
            await delay(within('held-for', HELD_FOR));
            ended();
          }
          const answer = next(input);
          if (takesAnnouncement(activityType) && fractionFor('late-copy') < rates.lateCopy) {
            void repeat(() => next(input));
          }
          if (fractionFor('answer-lost') >= rates.answerLost) return answer;
          await Promise.allSettled([answer]);
          log('answer-lost')();
          throw new Error('the answer was lost');
        },
      },
    };
  };
}

function writes(activityType: string): boolean {
  const isStep = /\.(prepare|commit|rollback|receive|decide|announce|publish)$/.test(activityType);
  return isStep || takesAnnouncement(activityType);
}

function takesAnnouncement(activityType: string): boolean {
  return activityType.endsWith('.handleMessages') || takesEvent(activityType);
}

function takesEvent(activityType: string): boolean {
  return /\.on[A-Z]\w*$/.test(activityType);
}
