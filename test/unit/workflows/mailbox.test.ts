import { afterAll, expect, test, vi } from 'vitest';
import type { Announcement, AnnouncementType } from '../../../domain/announcements.ts';
import type { Handled, Receiver } from '../../../domain/envelopes.ts';
import { mailbox } from '../../../workflows/exchange/mailbox.ts';
import { requestOf } from '../../support/requests.ts';

// The mailbox's own code, with stand-ins for what Temporal does for it.

const running = vi.hoisted(() => ({ is: true, historyLength: 0 }));
type Handler = (argument: unknown) => unknown;
const handlers = new Map<string, Handler>();
/** Activities that are under way, by name. */
const begun = new Map<string, { argument: unknown; end(result: unknown): void }>();

vi.mock('@temporalio/workflow', async (load) => ({
  ...(await load<typeof import('@temporalio/workflow')>()),
  condition: async (isMet: () => boolean) => {
    while (!isMet()) await (running.is ? new Promise(setImmediate) : new Promise(() => {}));
    return true;
  },
  sleep: () => new Promise(() => {}),
  setCurrentDetails: () => {},
  setHandler: ({ name }: { name: string }, handler: Handler) => handlers.set(name, handler),
  scheduleActivity: (name: string, [argument]: unknown[]) =>
    new Promise((end) => void begun.set(name, { argument, end })),
  workflowInfo: () => ({ historyLength: running.historyLength, continueAsNewSuggested: false }),
  continueAsNew: (...carried: unknown[]) => carried,
}));

afterAll(() => {
  running.is = false;
});

const INVENTORY: Receiver = {
  ...{ name: 'inventory', host: 'inventory', handler: 'inventory.handle', onlyLatest: true },
};
const AUDIT: Receiver = { name: 'audit', host: 'orders', handler: 'audit.handle' };

function announced(orderId: string, type: AnnouncementType): Announcement {
  const data = requestOf(orderId, [{ sku: 'SKU', quantity: 1 }], 'run', 'event-driven');
  return {
    ...{ specversion: '1.0', id: `${orderId}/${type}`, source: '/concord/orders', type, subject: orderId },
    ...{ time: '', datacontenttype: 'application/json', data },
  };
}

const WAIT = { timeout: 30_000 };
const tell = (name: string, argument: unknown) => handlers.get(name)?.(argument);
const publish = (type: AnnouncementType, ...to: Receiver[]) =>
  tell('message', { announcement: announced('order', type), to });
const NOTHING: Handled = { unhandled: [], published: [] };
async function end(activity: string, result: unknown = NOTHING): Promise<void> {
  await expect.poll(() => begun.has(activity), WAIT).toBe(true);
  begun.get(activity)?.end(result);
  begun.delete(activity);
}

test('what one receiver needs no more stays in its outbox until the others have it', async () => {
  mailbox();
  publish('OrderConfirmed', INVENTORY);
  await expect.poll(() => begun.has('inventory.handle'), WAIT).toBe(true);
  publish('OrderPlaced', INVENTORY, AUDIT);
  await end('inventory.handle');
  tell('tryNow', '');
  await expect
    .poll(() => begun.get('orders.confirmPublished')?.argument, WAIT)
    .toEqual(['order/OrderConfirmed']);
  await end('orders.confirmPublished');
  await end('inventory.confirmPublished');
  await end('audit.handle');
  tell('tryNow', '');
  await expect
    .poll(() => begun.get('orders.confirmPublished')?.argument, WAIT)
    .toEqual(['order/OrderPlaced']);
});

test('what is read in an outbox for one receiver is for the others, too, unless they have it', async () => {
  mailbox([], [{ receiver: INVENTORY, orderIds: ['order'] }]);
  publish('OrderConfirmed', INVENTORY, AUDIT);
  const to = [INVENTORY, AUDIT];
  const found = (['OrderPlaced', 'OrderConfirmed'] as const).map((type) => ({
    ...{ announcement: announced('order', type), to },
  }));
  await end('orders.findAnnouncements', found);
  await end('inventory.findAnnouncements', []);
  await end('inventory.handle');
  const handed = async () => {
    await expect.poll(() => begun.has('audit.handle'), WAIT).toBe(true);
    const batch = begun.get('audit.handle')?.argument as Announcement[] | undefined;
    return batch?.map(({ type }) => type);
  };
  expect(await handed()).toEqual(['OrderConfirmed']);
  await end('audit.handle');
  expect(await handed()).toEqual(['OrderPlaced']);
});

test('a receiver for which nothing waits takes up no room of what is carried along', async () => {
  const orderIds = Array.from({ length: 36_000 }, () => crypto.randomUUID());
  const carried = mailbox([], [{ receiver: AUDIT, orderIds }]);
  publish('OrderConfirmed', INVENTORY);
  await end('inventory.handle');
  running.historyLength = 10_000;
  expect(await carried).toEqual([[], [{ receiver: AUDIT, orderIds }], ['order/OrderConfirmed']]);
});
