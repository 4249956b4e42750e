import { randomUUID } from 'node:crypto';
import { BSON } from 'mongodb';
import { DEFAULT_INVENTORY_LIMITS } from '../../activities/inventory/documents.ts';
import { createInventory } from '../../activities/inventory/participant.ts';
import { ConcordError } from '../../domain/errors.ts';
import { checkStock, problemsOf } from '../measure/checker.ts';
import type { ServerStage } from '../measure/stage.ts';
import { collectionsIn } from '../measure/state.ts';
import { median } from '../measure/statistics.ts';
import { figure, placeOf, tableOf, verdictOf } from '../measure/table.ts';
import type { Report } from '../servers/report.ts';
import { requestOf } from './direct-participants.ts';

const HOLDS = [100, 1_000, 10_000, 50_000, 100_000];
const WARM_UP = 3;

export async function measureHolds(stage: ServerStage, orders: number, report: Report) {
  const { databases, machine, servers } = stage;
  const collections = collectionsIn(databases);
  const { stock } = collections;
  // What is refused in production is measured, too.
  const inventory = createInventory(collections, { maximumHolds: Number.MAX_SAFE_INTEGER });
  const rows = [];
  for (const holds of HOLDS) {
    const step = report.step(`Selling ${orders} orders of an SKU that ${holds} others hold`);
    const document = heldBy(holds);
    await stock.insertOne(document);
    const times: { prepare: number; commit: number }[] = [];
    for (let turn = 0; turn < WARM_UP + orders; turn += 1) {
      const request = requestOf(`measured-${randomUUID()}`, document._id);
      const prepare = await timeOf(() => inventory.prepare(request));
      times.push({ prepare, commit: await timeOf(() => inventory.commit(request)) });
    }
    const timed = times.slice(WARM_UP);
    rows.push({
      holds,
      bytes: BSON.calculateObjectSize(document),
      prepare: median(timed.map(({ prepare }) => prepare)),
      commit: median(timed.map(({ commit }) => commit)),
    });
    step.done();
  }
  const bound = await refusalAt(DEFAULT_INVENTORY_LIMITS.maximumHolds, collections);
  const wrong = bound === 'TooManyHolds' ? [] : [`at the bound, a worker answers ${bound}`];
  const problems = [...problemsOf(checkStock(await stock.find().toArray())), ...wrong];
  return { machine, servers, rows, bound, problems };
}

/** As a participant of production answers it. */
async function refusalAt(holds: number, collections: ReturnType<typeof collectionsIn>): Promise<string> {
  const inventory = createInventory(collections);
  const answer = await inventory
    .prepare(requestOf(`measured-${randomUUID()}`, nameOf(holds)))
    .catch((error) => error);
  return answer instanceof ConcordError ? answer.code : String(answer);
}

const nameOf = (holds: number) => `HELD-BY-${holds}`;

function heldBy(holds: number) {
  const counts = { available: 1_000_000, reserved: holds, sold: 0, received: 1_000_000 + holds };
  const held = Array.from({ length: holds }, () => ({ orderId: randomUUID(), quantity: 1, attempt: 1 }));
  return { _id: nameOf(holds), ...counts, holds: held, settled: [] };
}

async function timeOf(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

export function renderHolds(result: Awaited<ReturnType<typeof measureHolds>>): string {
  const { rows, bound, problems } = result;
  const [first] = rows;
  const over = (value: number, base = Number.NaN) => (value / base).toFixed(1);
  return [
    `One SKU that so many unsettled orders hold. Medians; at ${DEFAULT_INVENTORY_LIMITS.maximumHolds} holds a worker answers ${bound}.`,
    `${placeOf(result)}\n`,
    tableOf(
      ['holds', 'document, bytes', 'prepare, ms', 'to 100 holds', 'commit, ms', 'to 100 holds'],
      rows.map(({ holds, bytes, prepare, commit }) => [
        ...[String(holds), String(bytes), figure(prepare), over(prepare, first?.prepare)],
        ...[figure(commit), over(commit, first?.commit)],
      ]),
    ),
    `\n${verdictOf(problems)}`,
  ].join('\n');
}
