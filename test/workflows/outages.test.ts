import { describe, expect, test } from 'vitest';
import { strategies } from '../../domain/strategies.ts';
import { CONFIRMED, HOUR, RELEASED, timeSkippedOrders } from '../support/time-skipped-orders.ts';

// Services fail for hours here, and orders are cancelled in each phase; Temporal's test server skips the time. The rest of these
// are in test/long/workflows.

describe.each(strategies)('%s', (strategy) => {
  const time = timeSkippedOrders(strategy);
  const { place, until, recorded, startBoth, cancel, inventoryDownDuringCommit } = time;

  describe('a service that is down', () => {
    test('inventory for 3 hours, within the prepare budget: confirmed when it is back', async () => {
      const { environment, workers } = time;
      await startBoth();
      workers.breakDown('inventory');
      const handle = await place('back-in-time', { prepareBudget: 4 * HOUR });
      await until(handle, { participants: { orders: 'prepared', inventory: 'preparing' } });
      await environment.sleep('3 hours');
      await until(handle, { phase: 'preparing' });
      workers.repair('inventory');
      expect(await handle.result()).toMatchObject({ status: 'confirmed' });
      expect(await recorded('back-in-time')).toEqual(CONFIRMED);
    });

    test('inventory past the prepare budget: rejected, and everything is released when it is back', async () => {
      const { environment, workers } = time;
      await startBoth();
      workers.breakDown('inventory');
      const handle = await place('too-late');
      await until(handle, { participants: { orders: 'prepared', inventory: 'preparing' } });
      await environment.sleep('9 minutes');
      await until(handle, { phase: 'preparing' });
      await environment.sleep('2 minutes');
      await until(handle, { phase: 'rolling-back' });
      await environment.sleep('3 hours');
      await until(handle, { phase: 'rolling-back' });
      workers.repair('inventory');
      const reason = {
        code: 'PrepareTimedOut',
        details: {
          participant: 'inventory',
          // Only who calls the inventory itself sees why.
          lastError: strategy === 'two-phase' ? 'the database is down' : 'no answer came',
        },
      };
      expect(await handle.result()).toMatchObject({ status: 'rejected', reason });
      expect(await recorded('too-late')).toEqual({ status: 'rejected', ...RELEASED });
    });
  });

  describe('a cancel', () => {
    // In event-driven the answer needs the order service: that is tested on Temporal's own server, with the placing of orders.
    test.skipIf(strategy === 'event-driven')(
      'before anything is prepared: nothing is ever held',
      async () => {
        const { workers } = time;
        await workers.start('orders', 'workflows');
        const handle = await place('cancel-first');
        await until(handle, { participants: { orders: 'preparing', inventory: 'preparing' } });
        const cancelled = cancel(handle);
        await until(handle, { participants: { orders: 'rolling-back' } });
        await workers.start('orders', 'activities');
        await workers.start('inventory');
        expect(await cancelled).toMatchObject({
          status: 'cancelled',
          reason: { message: 'changed their mind' },
        });
        expect(await handle.result()).toMatchObject({ status: 'cancelled' });
        expect(await recorded('cancel-first')).toEqual({ status: 'cancelled', ...RELEASED });
      },
    );

    test('while the inventory is down', async () => {
      const { workers } = time;
      await workers.start('orders');
      const handle = await place('cancel-inventory-down');
      await until(handle, { participants: { orders: 'prepared', inventory: 'preparing' } });
      expect(await cancel(handle)).toMatchObject({ status: 'cancelled' });
      await workers.start('inventory');
      expect(await handle.result()).toMatchObject({ status: 'cancelled' });
      expect(await recorded('cancel-inventory-down')).toEqual({ status: 'cancelled', ...RELEASED });
    });

    // In event-driven the decision and its record are one.
    test.skipIf(strategy === 'event-driven')(
      'after the decision is refused, and the order is confirmed all the same',
      async () => {
        const { workers } = time;
        const handle = await inventoryDownDuringCommit('cancel-committing');
        await expect(cancel(handle)).rejects.toMatchObject({ cause: { type: 'TooLate' } });
        await handle.cancel(); // Temporal's own can't be refused, but must change nothing
        workers.repair('inventory');
        expect(await handle.result()).toMatchObject({ status: 'confirmed' });
        expect(await recorded('cancel-committing')).toEqual(CONFIRMED);
      },
    );
  });
});
