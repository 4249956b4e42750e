import type { History } from '@temporalio/common/lib/proto-utils.js';
import pMap from 'p-map';
import { expect, test } from 'vitest';
import { mailboxIdOf } from '../../../domain/addresses.ts';
import { waitingQuery } from '../../../workflows/order/messages.ts';
import { checkConsistency } from '../../support/consistency.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';

// An hour of ten orders a second, scaled down: far more messages than a run of a mailbox may take.
const ORDERS = 400;
const UNITS = 300;
// As many come at once as is little beside what a run may take, as ten a second are beside 10,000.
const WAVE = 40;
const MAXIMUM_SIGNALS = 250;
const MAXIMUM_HISTORY = 1_000;
const limits = {
  'history.maximumSignalsPerExecution': MAXIMUM_SIGNALS,
  'limit.historyCount.error': MAXIMUM_HISTORY,
  'limit.historyCount.warn': MAXIMUM_HISTORY,
  // As far from the limit as by default.
  'limit.historyCount.suggestContinueAsNew': Math.floor(MAXIMUM_HISTORY / 12),
};

/** Messages of a kilobyte and a half, all for one mailbox, which can't carry them all along. */
const orders = Array.from({ length: ORDERS }, (_, index) => ({
  orderId: `${String(index).padStart(4, '0')}-${'o'.repeat(90)}`,
  customerId: 'c'.repeat(90),
  lines: [1, 2, 3].map((line) => ({ sku: `OUTAGE-${line}-${'s'.repeat(40)}`, quantity: 1 })),
}));

test.each([
  ['worker is stopped', { down: (platform: Platform) => platform.stop('inventory'), up: start }],
  [
    'database is down',
    {
      down: async (platform: Platform) => platform.breakDown('inventory'),
      up: async (platform: Platform) => platform.repair('inventory'),
    },
  ],
])(
  'every order ends, no signal is refused and no history gets long when the %s for more orders than a mailbox may get signals',
  { timeout: 300_000 },
  async (_, { down, up }) => {
    await using platform = await startPlatform(undefined, undefined, { limits });
    const { concord } = platform;
    for (const { sku } of orders[0]?.lines ?? []) await concord.restock(sku, UNITS);
    await down(platform);
    const mailbox = concord.client.workflow.getHandle(mailboxIdOf(orders[0] ?? expect.fail()));
    for (let placed = WAVE; placed <= ORDERS; placed += WAVE) {
      const wave = orders.slice(placed - WAVE, placed);
      await Promise.all(
        wave.map((order) => concord.place(order, { strategy: 'message-queue', wait: 'accepted' })),
      );
      // A dev server may overlook tasks until it looks again, once a minute.
      await expect
        .poll(async () => (await mailbox.query(waitingQuery)).length, { timeout: 90_000 })
        .toBe(placed);
    }

    await up(platform);
    const told = await pMap(orders, (order) => concord.place(order, { strategy: 'message-queue' }), {
      concurrency: 50,
    });

    await checkConsistency(platform, orders, told);
    expect(told.filter(({ status }) => status === 'confirmed')).toHaveLength(UNITS);
    const runs = await runsOfMailbox(platform);
    expect(
      runs.flat().filter(readsOutboxes).length,
      'batches of orders whose message was not kept',
    ).toBeGreaterThan(0);
    expect(Math.max(...runs.map(signalsIn))).toBeLessThan(MAXIMUM_SIGNALS);
    expect(Math.max(...runs.map((run) => run.length))).toBeLessThan(MAXIMUM_HISTORY / 2);
    expect(await attemptsToTell(platform), 'attempts of the steps that tell the inventory').toEqual([1]);
  },
);

function start(platform: Platform): Promise<void> {
  return platform.start('inventory');
}

type Run = NonNullable<History['events']>;

/** The histories of all runs of the mailbox that all orders share. */
async function runsOfMailbox({ concord }: Platform): Promise<Run[]> {
  const { workflow } = concord.client;
  const workflowId = mailboxIdOf(orders[0] ?? expect.fail());
  const runs: Run[] = [];
  for (let runId: string | undefined = ''; runId !== undefined; ) {
    const { events } = await workflow.getHandle(workflowId, runId || undefined).fetchHistory();
    runs.push(events ?? []);
    runId = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;
  }
  return runs;
}

function readsOutboxes({ activityTaskScheduledEventAttributes: scheduled }: Run[number]): boolean {
  return scheduled?.activityType?.name === 'orders.findAnnouncements';
}

function signalsIn(run: Run): number {
  return run.filter(
    ({ workflowExecutionSignaledEventAttributes }) => workflowExecutionSignaledEventAttributes,
  ).length;
}

/** How often steps of the orders were tried: a signal that is refused makes its step fail. */
async function attemptsToTell({ concord }: Platform): Promise<number[]> {
  const attempts = await pMap(
    orders,
    async ({ orderId }) => {
      const { events } = await concord.client.workflow.getHandle(`order/${orderId}`).fetchHistory();
      return (events ?? []).flatMap(
        ({ activityTaskStartedEventAttributes: started }) => started?.attempt ?? [],
      );
    },
    { concurrency: 8 },
  );
  return [...new Set(attempts.flat())];
}
