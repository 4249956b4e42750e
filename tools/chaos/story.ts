import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { Violation } from '../measure/checker.ts';
import type { Stage } from '../measure/stage.ts';
import type { OrderExecution, State } from '../measure/state.ts';
import type { Observations } from './storm.ts';

/** Everything that is known when a run ends. */
export interface Evidence {
  readonly stage: Stage;
  readonly state: State;
  readonly seen: Observations;
}

/** A file with the whole story of what was violated. */
export interface Story {
  readonly subject: string;
  readonly file: string;
}

/** How long before an order began a fault may have hit and still matter to it. Milliseconds. */
const BEFORE = 30_000;

/** Writes a file for each order, SKU or delivery that something does not hold of. */
export async function writeStories(violations: readonly Violation[], evidence: Evidence): Promise<Story[]> {
  if (violations.length === 0) return [];
  const directory = await mkdtemp(path.join(tmpdir(), 'chaos-stories-'));
  const subjects = [...new Set(violations.map(({ subject }) => subject))];
  return Promise.all(
    subjects.map(async (subject) => {
      const file = path.join(directory, `${subject}.json`);
      const about = violations.filter((violation) => violation.subject === subject);
      const story = { violations: about, ...(await storyOf(subject, about, evidence)) };
      await writeFile(file, `${JSON.stringify(story, null, 2)}\n`);
      return { subject, file };
    }),
  );
}

async function storyOf(
  subject: string,
  violations: readonly Violation[],
  evidence: Evidence,
): Promise<object> {
  const { state, stage } = evidence;
  const { answers, faults } = evidence.seen;
  const named = new Set([subject, ...violations.flatMap(({ details }) => details.split(/[\s,;:]+/))]);
  const isNamed = ({ orderId }: OrderExecution) => named.has(orderId);
  const executions = state.executions.filter(isNamed);
  const resolutions = state.resolutions.filter(isNamed);
  const began = Math.min(...executions.map(({ startedAt }) => startedAt.getTime()));
  const ended = Math.max(...executions.map(({ closedAt }) => closedAt?.getTime() ?? Number.MAX_SAFE_INTEGER));
  const events = state.eventDeliveries.filter(({ event }) => named.has(event.subject));
  const skus = new Set([subject, ...executions.flatMap(({ order }) => order.lines.map(({ sku }) => sku))]);
  const asks = ({ lines }: { readonly lines: readonly { readonly sku: string }[] }) =>
    lines.some(({ sku }) => sku === subject);
  return {
    executions,
    resolutions,
    events,
    carriers: state.carriers,
    told: answers.told.filter(({ order }) => named.has(order.orderId)),
    orders: state.orders.filter((order) => order._id === subject || asks(order)),
    reservations: state.reservations.filter(
      (reservation) => reservation._id === subject || asks(reservation),
    ),
    stock: state.stock.filter(({ _id }) => skus.has(_id)),
    receipts: state.receipts.filter(({ _id, sku }) => _id === subject || sku === subject),
    faults: faults
      .filter(({ at, until }) => executions.length === 0 || (until >= began - BEFORE && at <= ended))
      .map((fault) => ({ ...fault, at: isoTime(fault.at), until: isoTime(fault.until) })),
    workerLogs: await linesAbout(
      subject,
      Object.values(stage.workers).map(({ log }) => log),
    ),
    histories: await Promise.all(
      [...executions, ...resolutions, ...events].map(async ({ workflowId, runId }) => {
        const handle = stage.client.workflow.getHandle(workflowId, runId);
        return JSON.parse(historyToJSON(await handle.fetchHistory()));
      }),
    ),
  };
}

async function linesAbout(subject: string, logs: readonly string[]): Promise<unknown[]> {
  const texts = await Promise.all(logs.map((log) => readFile(log, 'utf8')));
  return texts.flatMap((text) => text.split('\n')).filter((line) => line.includes(`${subject}"`));
}

function isoTime(time: number): string {
  return new Date(time).toISOString();
}
