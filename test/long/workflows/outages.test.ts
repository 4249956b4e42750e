import { describe, expect, test } from 'vitest';
import { strategies } from '../../../domain/strategies.ts';
import { CONFIRMED, HOUR, RELEASED, timeSkippedOrders } from '../../support/time-skipped-orders.ts';

// More of what test/workflows/outages.test.ts shows.

describe.each(strategies)('%s', (strategy) => {
  const time = timeSkippedOrders(strategy);
  const { place, until, recorded, startBoth, cancel } = time;

  describe('a service that is down', () => {
    test('order service past the prepare budget: no stock stays held', async () => {
      const { environment, workers } = time;
      await startBoth();
      workers.breakDown('orders');
      const handle = await place('order-service-late');
      // Only a coordinator asks all at once; otherwise the inventory hears of nothing that is not on record.
      const inventory = strategy === 'two-phase' ? 'prepared' : 'preparing';
      await until(handle, { participants: { orders: 'preparing', inventory } });
      expect(await recorded('order-service-late')).toMatchObject({
        reserved: strategy === 'two-phase' ? 2 : 0,
      });
      await environment.sleep('11 minutes');
      // The order's document decides, so nothing is decided before it can be written.
      await until(handle, { phase: 'preparing' });
      if (strategy === 'two-phase')
        await until(handle, { participants: { orders: 'rolling-back', inventory: 'prepared' } });
      workers.repair('orders');
      expect(await handle.result()).toMatchObject({ status: 'rejected' });
      expect(await recorded('order-service-late')).toEqual({ status: 'rejected', ...RELEASED });
    });

    test('order service for 2 days during commit: confirmed at the end', async () => {
      const { environment, workers } = time;
      await startBoth();
      workers.breakDown('inventory');
      const handle = await place('two-days', { prepareBudget: 72 * HOUR });
      await until(handle, { participants: { orders: 'prepared', inventory: 'preparing' } });
      workers.breakDown('orders');
      workers.repair('inventory');
      await environment.sleep('3 minutes');
      await until(handle, { phase: 'preparing' });
      await environment.sleep('2 days');
      await until(handle, { phase: 'preparing' });
      // Nothing is sold before it is on record that the order is confirmed.
      expect(await recorded('two-days')).toMatchObject({ status: 'pending', reserved: 2, sold: 0 });
      workers.repair('orders');
      expect(await handle.result()).toMatchObject({ status: 'confirmed' });
      expect(await recorded('two-days')).toEqual(CONFIRMED);
    });
  });

  describe('a cancel', () => {
    test.runIf(strategy === 'two-phase')(
      'while the order service is down, after the stock is held',
      async () => {
        const { workers } = time;
        await workers.start('orders', 'workflows');
        await workers.start('inventory');
        const handle = await place('cancel-held');
        await until(handle, { participants: { orders: 'preparing', inventory: 'prepared' } });
        const cancelled = cancel(handle);
        await until(handle, { participants: { orders: 'rolling-back', inventory: 'prepared' } });
        await workers.start('orders', 'activities');
        expect(await cancelled).toMatchObject({ status: 'cancelled' });
        expect(await handle.result()).toMatchObject({ status: 'cancelled' });
        expect(await recorded('cancel-held')).toEqual({ status: 'cancelled', ...RELEASED });
      },
    );

    test("of the workflow itself, from Temporal's Web UI or CLI, counts as a cancel", async () => {
      const { workers } = time;
      await workers.start('orders');
      const handle = await place('cancel-by-temporal');
      await until(handle, { participants: { orders: 'prepared', inventory: 'preparing' } });
      await handle.cancel();
      await until(handle, { phase: 'rolling-back' });
      await workers.start('inventory');
      expect(await handle.result()).toMatchObject({ status: 'cancelled', reason: { code: 'Cancelled' } });
      expect(await recorded('cancel-by-temporal')).toEqual({ status: 'cancelled', ...RELEASED });
    });

    test('while it rolls back is refused, and the rollback goes on', async () => {
      const { environment, workers } = time;
      await startBoth();
      workers.breakDown('inventory');
      const handle = await place('cancel-rolling-back');
      await until(handle, { participants: { orders: 'prepared', inventory: 'preparing' } });
      await environment.sleep('11 minutes');
      await until(handle, { phase: 'rolling-back' });
      await expect(cancel(handle)).rejects.toMatchObject({ cause: { type: 'TooLate' } });
      await handle.cancel();
      workers.repair('inventory');
      expect(await handle.result()).toMatchObject({ status: 'rejected' });
      expect(await recorded('cancel-rolling-back')).toEqual({ status: 'rejected', ...RELEASED });
    });
  });
});
