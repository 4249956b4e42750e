import { expect, test } from 'vitest';
import { activitiesOf, type ServiceWorkerOptions } from '../../../workers/create-worker.ts';
import { services } from '../../../workers/services.ts';
import { checkSubscriptions, type Subscription, subscriptions } from '../../../workers/subscriptions.ts';

const row = (subscriber: string): Subscription => ({ subscriber, host: 'orders', takes: ['OrderConfirmed'] });
const FIX = 'use 1 to 100 ASCII letters';

test.each([
  ['a name that no mailbox takes', [row('e-mail (new)')], `subscribers of OrderConfirmed[1].name: ${FIX}`],
  ['a name too long for its activity', [row('m'.repeat(100))], `OrderConfirmed[1].handler: ${FIX}`],
  [
    'more subscribers of an event than an envelope takes',
    Array.from({ length: 20 }, (_, index) => row(`mail-${index}`)),
    'subscribers of OrderConfirmed: use at most 20 receivers',
  ],
])('a table with %s is refused, because nobody would get the event', (_, rows, problem) => {
  const table = [...subscriptions, ...rows];
  expect(() => checkSubscriptions(table)).toThrow(problem);
  const options = { subscriptions: table } as unknown as ServiceWorkerOptions;
  expect(() => activitiesOf(services.orders, options), 'a worker starts with none').toThrow(problem);
});

test('a table with a further subscriber is taken', () => {
  expect(() => checkSubscriptions([...subscriptions, row('mail')])).not.toThrow();
});
