import type { Browser, FrameLocator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { watchOrders } from '../../../workflows/orders.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { orderOf, placeAndWait } from '../../system/operations/support.ts';
import { findBrowser, INSTALL, launchBrowser, saveScreenshot } from './browser.ts';

// What an operator sees, in a real browser. Every screenshot is kept in artifacts/web-ui; those of docs/web-ui.md are made anew by
// DOCS_SCREENSHOTS=1 npx vitest run test/long/web-ui

const program = await findBrowser();
const title = program === undefined ? `the Web UI (skipped: ${INSTALL})` : 'the Web UI';

describe.skipIf(program === undefined)(title, () => {
  let platform: Platform;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    [platform, browser] = await Promise.all([startPlatform(), launchBrowser(program ?? '')]);
    page = await browser.newPage({ viewport: { width: 1400, height: 800 } });
    page.setDefaultTimeout(45_000);
    await platform.concord.restock('GRINDER', 100);
    await platform.concord.restock('MILK-JUG', 100);
  });

  afterEach(() => {
    platform.repair('orders');
    platform.repair('inventory');
  });

  afterAll(async () => {
    await browser.close();
    await platform[Symbol.asyncDispose]();
  });

  /** Opens a page of an order, such as `user-metadata`. */
  async function open(orderId: string, tab: string): Promise<void> {
    const workflowId = `order/${orderId}`;
    const { runId } = await platform.concord.client.workflow.getHandle(workflowId).describe();
    const workflows = `${platform.uiUrl}/namespaces/${platform.namespace}/workflows`;
    await page.goto(`${workflows}/${encodeURIComponent(workflowId)}/${runId}/${tab}`);
  }

  /** What the Web UI shows of an order as Markdown, each part in a frame of its own. */
  async function shownOf(orderId: string): Promise<Record<'summary' | 'details' | 'current', FrameLocator>> {
    await open(orderId, 'user-metadata');
    const frame = (index: number) => page.frameLocator('iframe[title="output"]').nth(index);
    return { summary: frame(0), details: frame(1), current: frame(2) };
  }

  function place(orderId: string, quantity = 1) {
    const lines = [
      { sku: 'GRINDER', quantity },
      { sku: 'MILK-JUG', quantity: 2 },
    ];
    return { orderId, customerId: 'customer-1', lines };
  }

  test('confirmed: what was ordered, how it ended, and what every step was for', async () => {
    await platform.concord.place(place('confirmed'));
    const { summary, details, current } = await shownOf('confirmed');
    await summary.getByText('1 × GRINDER, 2 × MILK-JUG for customer-1').waitFor();
    await details.getByText('Order confirmed of customer customer-1, by strategy two-phase').waitFor();
    await details.getByText('2 × MILK-JUG').waitFor();
    await current.getByText('Final: every service has recorded it').waitFor();
    await current.getByText('Decision: confirmed').waitFor();
    await current.getByText('inventory: voted yes, has committed').waitFor();
    await saveScreenshot(page, 'confirmed');
    await open('confirmed', 'history');
    await page.getByText('Vote: hold the units of every line').first().waitFor();
    await page.getByText('Sell what is on hold').first().waitFor();
    await page.getByText('Sell what is on hold').first().scrollIntoViewIfNeeded();
    await saveScreenshot(page, 'confirmed-history');
    await open('confirmed', 'search-attributes');
    await page.getByText('OrderNeedsAttention').waitFor();
    await saveScreenshot(page, 'confirmed-search-attributes');
  });

  test('rejected: by whom and why', async () => {
    await platform.concord.place(place('rejected', 1_000));
    const { current } = await shownOf('rejected');
    await current.getByText('Decision: rejected, GRINDER is out of stock').waitFor();
    await current.getByText('inventory: has rolled back').waitFor();
    await saveScreenshot(page, 'rejected');
  });

  test('pending, while a service is down: who has not voted yet', async () => {
    platform.breakDown('inventory');
    await platform.concord.place(place('pending'), { wait: 'accepted' });
    await expect
      .poll(async () => (await platform.concord.status('pending')).participants)
      .toEqual({ orders: 'prepared', inventory: 'preparing' });
    const { current } = await shownOf('pending');
    await current.getByText('Waiting for every vote').waitFor();
    await current.getByText('orders: voted yes').waitFor();
    await current.getByText('inventory: has not voted yet').waitFor();
    await saveScreenshot(page, 'pending');
  });

  test('cancelled, in the words of whoever cancelled, which are not markup', async () => {
    platform.breakDown('inventory');
    await platform.concord.place(place('cancelled'), { wait: 'accepted' });
    const reason = 'found it **cheaper** <img src=x onerror="document.title=1"> [here](https://example.com)';
    await platform.concord.cancel('cancelled', { reason });
    const { current } = await shownOf('cancelled');
    await current.getByText('Decided: telling the services to roll back').waitFor();
    await current.getByText(`Decision: cancelled, ${reason}`).waitFor();
    expect(await current.locator('img, a').count()).toBe(0);
    await saveScreenshot(page, 'cancelled');
  });

  test('decided, while a service can not be told: what is tried again and why, and in the list', async () => {
    const { concord } = platform;
    await concord.place(place('well'));
    platform.breakDown('orders');
    await concord.place(place('attention'), { wait: 'accepted' });
    await expect
      .poll(async () => (await concord.status('attention')).participants)
      .toEqual({ orders: 'preparing', inventory: 'prepared' });
    platform.breakDown('inventory');
    platform.repair('orders');
    await expect
      .poll(async () => (await concord.status('attention')).participants)
      .toEqual({ orders: 'committed', inventory: 'committing' });
    const told = async () => {
      const { orderIds } = await concord.client.workflow.execute<typeof watchOrders>('watchOrders', {
        taskQueue: 'orders',
        workflowId: 'watch',
        args: [{ failures: 0, longerThan: 3_000 }],
      });
      return orderIds;
    };
    await expect.poll(told).toContain('attention');
    const { current } = await shownOf('attention');
    await current.getByText('Decided: telling the services to commit').waitFor();
    await current.getByText('inventory: voted yes, is being told to commit').waitFor();
    await current.getByText('Needs attention').waitFor();
    await current.getByText(/inventory\.commit has failed \d+ times?, since/).waitFor();
    await current.getByText('the database is down').waitFor();
    await saveScreenshot(page, 'attention', 'web-ui-order');

    await page.evaluate(`localStorage.setItem('namespace-workflow-table-columns', '${COLUMNS}')`);
    const list = async (query: string) => {
      const address = `${platform.uiUrl}/namespaces/${platform.namespace}/workflows`;
      await page.goto(`${address}?query=${encodeURIComponent(query)}`);
      await page.getByRole('link', { name: 'order/attention' }).waitFor();
    };
    await list("WorkflowType = 'placeOrder'");
    await page.getByRole('link', { name: 'order/well' }).waitFor();
    const row = page.getByRole('row').filter({ hasText: 'order/attention' });
    for (const shown of ['customer-1', 'confirmed', 'two-phase', 'true', 'GRINDER']) {
      await row.getByText(shown).first().waitFor();
    }
    await saveScreenshot(page, 'list', 'web-ui-list');
    await list('OrderNeedsAttention = true');
    expect(await page.getByRole('link', { name: 'order/well' }).count()).toBe(0);
  });

  test('as much as can be wrong with an order: nothing of it is cut off', async () => {
    platform.breakDown('inventory');
    await platform.concord.place(place('everything-wrong'), { wait: 'accepted' });
    const lastError = 'the connection was refused by a server far away '.repeat(10);
    const since = new Date().toISOString();
    const troubles = Array.from({ length: 10 }, (_, index) => ({
      ...{ step: `inventory.step${index}`, attempts: 7, lastError, since, nextAttemptAt: since },
    }));
    await platform.concord.client.workflow.getHandle('order/everything-wrong').signal('stuckSteps', troubles);
    const { current } = await shownOf('everything-wrong');
    await current.getByText('Needs attention').waitFor();
    await saveScreenshot(page, 'everything-wrong');
    await current.getByText('and 7 more').waitFor();
    // The last line, and the frame that the Web UI gives it.
    const last = await current.locator('li').last().boundingBox();
    const frame = await page.locator('iframe[title="output"]').nth(2).boundingBox();
    expect(bottomOf(last)).toBeLessThanOrEqual(bottomOf(frame));
  });

  test('failed: that it takes an operator, and what to do', async () => {
    const { concord, orders } = platform;
    await concord.restock('failed', 10);
    platform.breakDown('inventory');
    await placeAndWait(platform, 'failed', { orders: 'prepared' });
    const order = concord.client.workflow.getHandle('order/failed');
    await orders.updateOne({ _id: 'failed' }, { $set: { coordinatorId: 'another coordinator' } });
    platform.repair('inventory');
    await expect(order.result()).rejects.toThrow();
    const { current } = await shownOf('failed');
    await current.getByText('Stopped on an error').waitFor();
    await current.getByText('settle it with concord resolve').waitFor();
    await saveScreenshot(page, 'failed');
  });

  test('the largest order that is allowed', async () => {
    const { lines } = orderOf('largest');
    const id = (index: number) => `${index}`.padStart(100, 'x');
    const largest = { orderId: 'largest', customerId: id(0), lines: [...lines] };
    for (let index = 1; index < 100; index += 1)
      largest.lines.push({ sku: id(index), quantity: 2 ** 53 - 1 });
    await platform.concord.place(largest);
    const { details } = await shownOf('largest');
    await details.getByText(id(99)).waitFor();
    await saveScreenshot(page, 'largest');
  });
});

function bottomOf(box: { readonly y: number; readonly height: number } | null): number {
  if (box === null) throw new Error('it is not shown');
  return box.y + box.height;
}

const COLUMNS = JSON.stringify({
  default: ['Status', 'Workflow ID', 'OrderStatus', 'OrderNeedsAttention', 'OrderCustomer']
    .concat('OrderSkus', 'OrderStrategy', 'Start')
    .map((label) => ({ label })),
});
