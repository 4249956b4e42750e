import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import pMap from 'p-map';
import { z } from 'zod';
import type { RunningTemporal } from '../../client/cli/shared/running-start.ts';
import type { Concord } from '../../client/concord.ts';
import { defined } from '../../domain/defined.ts';
import { finalStatuses, parseOrder } from '../../domain/order.ts';
import { workflowIdOf } from '../../domain/place-order.ts';
import { parse } from '../../domain/validation.ts';
import type { Report } from '../servers/report.ts';

const catalogSchema = z.array(z.strictObject({ sku: z.string(), name: z.string(), quantity: z.number() }));
const samplesSchema = z.array(
  z.strictObject({
    name: z.string(),
    order: z.unknown().transform(parseOrder),
    /** Cancelled while the inventory service is down. */
    cancel: z.strictObject({ reason: z.string() }).optional(),
    expected: z.strictObject({ status: z.enum(finalStatuses), reason: z.string().optional() }),
  }),
);
type Sample = z.output<typeof samplesSchema>[number];

export type SampleResults = Awaited<ReturnType<typeof placeSamples>>;

interface Options {
  readonly concord: Concord;
  readonly report: Report;
  readonly temporal: RunningTemporal;
  startInventory(): Promise<void>;
}

/** Ids are those of the files, so a second run on the same data joins what the first one did. */
export async function placeSamples({ concord, report, temporal, startInventory }: Options) {
  const samples = parse(samplesSchema, await readJson('orders.json'));
  const catalog = parse(catalogSchema, await readJson('catalog.json'));

  const toCancel = samples.filter(({ cancel }) => cancel !== undefined);
  for (const sample of toCancel) await cancelInFlight(concord, sample, report);
  await startInventory();

  const step = report.step(`Stocking ${catalog.length} SKUs and placing ${samples.length} orders`);
  await pMap(catalog, ({ sku, quantity }) => concord.restock(sku, quantity, { receiptId: `catalog-${sku}` }));
  const orders: ReturnType<typeof resultOf>[] = [];
  // One after another, so that each run tells the same story.
  for (const sample of samples) orders.push(resultOf(sample, await concord.place(sample.order), temporal));
  const stock = await concord.stock(catalog.map(({ sku }) => sku));
  step.done();
  const { address, namespace, uiUrl: webUi } = temporal;
  const asExpected = orders.every((order) => order.asExpected);
  return defined({ temporal: address, namespace, webUi, orders, stock, asExpected });
}

/** Places the order and cancels it once the order service has voted yes and the inventory, still down, has not. */
async function cancelInFlight(concord: Concord, { order, cancel }: Sample, report: Report): Promise<void> {
  const { orderId } = order;
  const step = report.step(`Placing ${orderId}, and cancelling it while the inventory service is down`);
  const { joined } = await concord.place(order, { wait: 'accepted' });
  for (;;) {
    const { phase, participants } = await concord.status(orderId);
    if (phase !== 'preparing' || participants.orders === 'prepared') break;
    await delay(50);
  }
  const { status } = await concord.cancel(orderId, cancel);
  const placed = `Placed ${orderId}; ${status} while the inventory service is down`;
  step.done(joined ? `${orderId} was placed by an earlier run` : placed);
}

function resultOf(
  { name, order, expected }: Sample,
  { orderId, status, reason }: Awaited<ReturnType<Concord['place']>>,
  { uiUrl, namespace }: RunningTemporal,
) {
  if (status === 'pending') throw new Error(`place returned before order ${orderId} was final`);
  const page = `namespaces/${namespace}/workflows/${encodeURIComponent(workflowIdOf(orderId))}`;
  const asExpected = status === expected.status && reason?.code === expected.reason;
  const webUi = uiUrl === undefined ? undefined : `${uiUrl}/${page}`;
  return defined({ name, orderId, lines: order.lines, status, reason, expected, asExpected, webUi });
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(await readFile(new URL(`samples/${file}`, import.meta.url), 'utf8'));
}
