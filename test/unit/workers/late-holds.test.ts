import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test, vi } from 'vitest';
import { reportLateHold } from '../../../workers/metrics.ts';

test('a late hold shows in the log of the activity that has released it, and in a count', async () => {
  const warn = vi.fn();
  const add = vi.fn();
  const logger = { trace: vi.fn(), debug: vi.fn(), info: vi.fn(), warn, error: vi.fn(), log: vi.fn() };
  const environment = new MockActivityEnvironment({}, { logger });
  const createCounter = vi.spyOn(environment.context.metricMeter, 'createCounter');
  createCounter.mockReturnValue({ add } as unknown as ReturnType<typeof createCounter>);
  await environment.run(async () => reportLateHold({ orderId: 'order', sku: 'SKU', quantity: 2 }));
  expect(warn.mock.calls[0]?.[0]).toMatch(/came after its order was settled, and was released/);
  expect(warn.mock.calls[0]?.[1]).toMatchObject({ orderId: 'order', sku: 'SKU', quantity: 2 });
  expect(createCounter.mock.calls[0]?.[0]).toBe('concord_late_holds');
  expect(add).toHaveBeenCalledWith(1);
});
