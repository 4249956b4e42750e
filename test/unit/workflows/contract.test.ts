import { describe, expect, expectTypeOf, test } from 'vitest';
import type { InventoryActivities } from '../../../activities/inventory/activities.ts';
import type { OrderActivities } from '../../../activities/orders/activities.ts';
import { services } from '../../../domain/services.ts';
import { summaryOf } from '../../../domain/summaries.ts';
import type { inventory, orders } from '../../../workflows/contract/activities.ts';
import type { participants } from '../../../workflows/contract/participants.ts';
import { registered } from '../../support/registered-activities.ts';

// What a workflow calls is what a worker registers: the compiler holds the types, these tests the names.

describe('a call in a workflow', () => {
  test('takes and returns what the implementation does', () => {
    expectTypeOf<ReturnType<typeof orders>>().toEqualTypeOf<OrderActivities>();
    expectTypeOf<ReturnType<typeof inventory>>().toEqualTypeOf<InventoryActivities>();
  });

  test('does not compile where an argument, a result or a name differs', () => {
    const uncalled = (call: ReturnType<typeof inventory>, participant: (typeof participants)[string]) => {
      // @ts-expect-error a request, not a text
      call['inventory.commit']('order-1');
      // @ts-expect-error a status, not a number
      const status: Promise<number> = participant({}).inspect({ orderId: 'a', customerId: 'b', lines: [] });
      // @ts-expect-error nothing registers it
      call['inventory.commmit'];
      return status;
    };
    expect(uncalled).toBeTypeOf('function');
  });
});

test('every activity has the name of its service, and a line that says what it is for', () => {
  const names = registered();
  expect(names.length).toBeGreaterThan(20);
  for (const name of names) {
    expect(services).toContain(name.split('.')[0]);
    expect(summaryOf(name), name).not.toBe(name);
  }
});
