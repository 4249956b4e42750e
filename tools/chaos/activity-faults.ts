import { setTimeout as delay } from 'node:timers/promises';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { z } from 'zod';
import type { InventoryActivities } from '../../activities/inventory/activities.ts';
import type { OrderActivities } from '../../activities/orders/activities.ts';
import { type ActivityFault, logActivityFault } from './fault-log.ts';
import { fractionOf } from './random.ts';

/** The name of each activity that writes or hands over, with what it takes. */
type Name = keyof OrderActivities | keyof InventoryActivities;
type Takes = 'step' | 'announcements';
const activities: { readonly [Each in Name]?: Takes } & {
  readonly [Each in Extract<Name, `${string}.handle`>]: 'announcements';
} = {
  'orders.prepare': 'step',
  'orders.decide': 'step',
  'orders.announce': 'step',
  'orders.handle': 'announcements',
  'orders.confirmPublished': 'step',
  'inventory.prepare': 'step',
  'inventory.commit': 'step',
  'inventory.rollback': 'step',
  'inventory.receive': 'step',
  'inventory.handle': 'announcements',
  'inventory.confirmPublished': 'step',
};

const rate = z.number().min(0).max(1);

export const faultSettingsSchema = z.object({
  seed: z.string(),
  rates: z.object({
    /** Its answer is lost after its write. */
    answerLost: rate,
    /** It begins only when its time is up and its successor runs. */
    lateTry: rate,
    /** The announcements that it takes come once more, now or some seconds later. */
    lateCopy: rate,
    /** The announcements that it takes come late, so that newer ones may have come meanwhile. */
    heldUp: rate,
  }),
  /** Holds by how many milliseconds this worker's clock is wrong. */
  clockFile: z.string(),
  faultLog: z.string(),
});

export type FaultSettings = z.infer<typeof faultSettingsSchema>;

// Milliseconds. An attempt that is late begins when its successor runs.
const LATE_BY = { least: 800, most: 4_000 } as const;
// Some copies of an announcement come at once, and some after newer ones of their order.
const COPY_AFTER = { least: 0, most: 8_000 } as const;
// Long enough that a newer announcement of the same order may have come.
const HELD_FOR = { least: 1_000, most: 6_000 } as const;

/** Brings about the faults of `rates`. Which attempts they hit depends on the seed, the activity and the attempt alone. */
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

    async function repeat(again: () => Promise<unknown>): Promise<void> {
      const ended = log('late-copy');
      await delay(within('copy-after', COPY_AFTER));
      await Promise.allSettled([again()]);
      ended();
    }

    return {
      inbound: {
        async execute(input, next) {
          const takes = activities[activityType as Name];
          if (takes === undefined) return next(input);
          if (fractionFor('late-try') < rates.lateTry) {
            const ended = log('late-try');
            await delay(startToCloseTimeoutMs + within('late-by', LATE_BY));
            return next(input).finally(ended);
          }
          if (takes === 'announcements' && fractionFor('held-up') < rates.heldUp) {
            const ended = log('held-up');
            await delay(within('held-for', HELD_FOR));
            ended();
          }
          const answer = next(input);
          if (takes === 'announcements' && fractionFor('late-copy') < rates.lateCopy) {
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
