import { status } from '@grpc/grpc-js';
import { type Client, isGrpcServiceError } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import pMap from 'p-map';
import { mailboxIdOf } from '../../domain/addresses.ts';
import { workflowIdOf } from '../../domain/place-order.ts';
import { mean, sum } from '../measure/statistics.ts';
import { type Run, roundsOf } from './performance.ts';

type HistoryEvent = NonNullable<History['events']>[number];

/** Reads the events of a run of a workflow, by default the last one; none if there is no such workflow. */
type ReadHistory = (workflowId: string, runId?: string) => Promise<HistoryEvent[]>;

/** Reading the histories of all orders would take longer than placing them. */
const SAMPLE = 10;
const CONCURRENCY = { concurrency: 8 };

export type CostFigures = Awaited<ReturnType<typeof measureCost>>[number];

/** Measures what an order costs, in means over all rounds. Call it when nothing is under way any more. */
export async function measureCost(client: Client, runs: readonly Run[]) {
  const readHistory = historyReader(client);
  const costOf = async (rounds: readonly [Run, ...Run[]]) => {
    const [{ strategy, load, demand }] = rounds;
    const tallies = await pMap(rounds, (run) => tallyOfRun(readHistory, run), { concurrency: 1 });
    const perOrder = (count: (run: Run) => number) =>
      mean(rounds.map((run) => count(run) / run.placed.length));
    return {
      ...{ strategy, load, demand },
      /** In the histories of all workflows that take part; actions are what Temporal bills, see `tallyOf`. */
      historyEvents: mean(tallies.map(({ events }) => events)),
      actions: mean(tallies.map(({ actions }) => actions)),
      writes: perOrder(({ commands }) => commands.writes),
      reads: perOrder(({ commands }) => commands.reads),
    };
  };
  return pMap(roundsOf(runs), costOf, { concurrency: 1 });
}

/** The actions are those that Temporal Cloud bills and a history shows: not queries, heartbeats and refused starts. */
export function tallyOf(history: readonly HistoryEvent[]) {
  return { events: history.length, actions: sum(history.map(actionsIn)) };
}

function actionsIn(event: HistoryEvent): number {
  // Only the last attempt is an event; it says how many there were.
  if (event.activityTaskStartedEventAttributes) return event.activityTaskStartedEventAttributes.attempt ?? 1;
  const started = event.workflowExecutionStartedEventAttributes;
  // The run before it has counted it already.
  if (started) return started.continuedExecutionRunId ? 0 : 1;
  const isAction =
    event.workflowExecutionSignaledEventAttributes ||
    event.workflowExecutionUpdateAcceptedEventAttributes ||
    event.timerStartedEventAttributes ||
    event.upsertWorkflowSearchAttributesEventAttributes ||
    event.workflowExecutionContinuedAsNewEventAttributes;
  return isAction ? 1 : 0;
}

/** Per order: its own workflow, and its share of the mailboxes. Those of other strategies rest during this run. */
async function tallyOfRun(readHistory: ReadHistory, run: Run) {
  const sample = run.placed.slice(0, SAMPLE);
  const own = await pMap(sample, ({ order }) => readHistory(workflowIdOf(order.orderId)), CONCURRENCY);
  const mailboxes = new Set(run.placed.map(({ order }) => mailboxIdOf(order)));
  const shared = await pMap(mailboxes, (id) => eventsDuring(readHistory, id, run), CONCURRENCY);
  const tallies = own.map(tallyOf);
  const share = tallyOf(shared.flat());
  const perOrder = (figure: 'events' | 'actions') =>
    mean(tallies.map((tally) => tally[figure])) + share[figure] / run.placed.length;
  return { events: perOrder('events'), actions: perOrder('actions') };
}

async function eventsDuring(readHistory: ReadHistory, workflowId: string, { began, ended }: Run) {
  const found: HistoryEvent[] = [];
  for (let runId: string | undefined = ''; runId !== undefined; ) {
    const history: HistoryEvent[] = await readHistory(workflowId, runId);
    found.unshift(...history.filter((event) => timeOf(event) >= began && timeOf(event) <= ended));
    const [first] = history;
    if (first === undefined || timeOf(first) < began) return found;
    runId = first.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;
  }
  return found;
}

/** Remembers what it has read: the long histories of mailboxes are looked at for each run. */
function historyReader({ workflow }: Client): ReadHistory {
  const known = new Map<string, Promise<HistoryEvent[]>>();
  return (workflowId, runId = '') => {
    const key = `${workflowId} ${runId}`;
    const history = known.get(key) ?? read(workflowId, runId);
    known.set(key, history);
    return history;
  };

  async function read(workflowId: string, runId: string): Promise<HistoryEvent[]> {
    try {
      const { events } = await workflow.getHandle(workflowId, runId || undefined).fetchHistory();
      return events ?? [];
    } catch (error) {
      if (isGrpcServiceError(error) && error.code === status.NOT_FOUND) return [];
      throw error;
    }
  }
}

/** Milliseconds since 1970, by Temporal's clock. */
function timeOf({ eventTime }: HistoryEvent): number {
  return Number(eventTime?.seconds ?? 0) * 1_000 + Math.floor((eventTime?.nanos ?? 0) / 1e6);
}
