import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { Violation } from '../measure/checker.ts';
import type { Stage } from '../measure/stage.ts';
import type { OrderExecution, State } from '../measure/state.ts';
import { readable } from './faults.ts';
import type { Observations } from './storm.ts';

interface Evidence {
  readonly stage: Stage;
  readonly state: State;
  readonly seen: Observations;
}

export type Story = Awaited<ReturnType<typeof writeStories>>[number];

/** A fault may have hit so long before an order began, and still matter to it. Milliseconds. */
const BEFORE = 30_000;

/** Writes a file for each order, SKU or delivery with a violation. */
export async function writeStories(violations: readonly Violation[], evidence: Evidence) {
  if (violations.length === 0) return [];
  const directory = await mkdtemp(path.join(tmpdir(), 'chaos-stories-'));
  const subjects = [...new Set(violations.map(({ subject }) => subject))];
  return Promise.all(
    subjects.map(async (subject) => {
      const file = path.join(directory, `${subject}.json`);
      const about = violations.filter((violation) => violation.subject === subject);
      await writeFile(file, `${JSON.stringify(await storyOf(subject, about, evidence), null, 2)}\n`);
      return { subject, file };
    }),
  );
}

async function storyOf(
  subject: string,
  violations: readonly Violation[],
  { state, stage, seen: { answers, faults } }: Evidence,
): Promise<object> {
  const named = new Set([subject, ...violations.flatMap(({ details }) => details.split(/[\s,;:]+/))]);
  const isNamed = ({ orderId }: OrderExecution) => named.has(orderId);
  const executions = state.executions.filter(isNamed);
  const resolutions = state.resolutions.filter(isNamed);
  const events = state.events.filter(({ event }) => named.has(event.subject));
  const began = Math.min(...executions.map(({ startedAt }) => startedAt.getTime()));
  const ended = Math.max(...executions.map(({ closedAt }) => closedAt?.getTime() ?? Number.MAX_SAFE_INTEGER));
  const skus = new Set([subject, ...executions.flatMap(({ order }) => order.lines.map(({ sku }) => sku))]);
  const concerns = ({ _id, lines }: { readonly _id: string; readonly lines: readonly { sku: string }[] }) =>
    _id === subject || lines.some(({ sku }) => sku === subject);
  return {
    violations,
    executions,
    resolutions,
    events,
    mailboxes: state.mailboxes,
    told: answers.told.filter(({ order }) => named.has(order.orderId)),
    orders: state.orders.filter(concerns),
    reservations: state.reservations.filter(concerns),
    stock: state.stock.filter(({ _id }) => skus.has(_id)),
    receipts: state.receipts.filter(({ _id, sku }) => _id === subject || sku === subject),
    faults: faults
      .filter(({ at, until }) => executions.length === 0 || (until >= began - BEFORE && at <= ended))
      .map(readable),
    workerLogs: await linesAbout(subject, stage),
    histories: await Promise.all(
      [...executions, ...resolutions].map(async ({ workflowId, runId }) => {
        const handle = stage.client.workflow.getHandle(workflowId, runId);
        return JSON.parse(historyToJSON(await handle.fetchHistory()));
      }),
    ),
  };
}

async function linesAbout(subject: string, { workers }: Stage): Promise<string[]> {
  const texts = await Promise.all(Object.values(workers).map(({ log }) => readFile(log, 'utf8')));
  return texts.flatMap((text) => text.split('\n')).filter((line) => line.includes(`${subject}"`));
}
