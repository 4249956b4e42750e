import type { FinalStatus } from '../../domain/order.ts';
import { parseResolveRequest } from '../../domain/resolution.ts';
import type { StuckStep } from '../../platform/visibility/stuck-steps.ts';
import type { StuckOptions } from '../stuck.ts';
import { checkOrderId } from './orders.ts';
import { type Output, safe, table } from './shared/output.ts';
import type { Session } from './shared/session.ts';
import { coloured, localTime, reasonCells } from './shared/terminal-text.ts';

export interface StuckFlags {
  readonly failures?: number;
  /** Milliseconds. */
  readonly longerThan?: number;
}

/** `stuck` */
export async function listStuck(flags: StuckFlags, session: Session): Promise<void> {
  const options: StuckOptions = {
    ...(flags.failures === undefined ? {} : { failures: flags.failures }),
    ...(flags.longerThan === undefined ? {} : { longerThan: flags.longerThan }),
  };
  const { output } = session;
  const { concord } = await session.connect();
  const steps = await output.during('looking at every order that runs', concord.stuck(options));
  await output.print({
    document: steps,
    rows: steps.map(({ orderId, problem, step, attempts, since, nextAttemptAt, lastError }) =>
      // A cell that is empty stays one, so that the others keep their places.
      [orderId, problem, step, attempts, since, nextAttemptAt ?? '', lastError],
    ),
    terminal: () => (steps.length === 0 ? 'nothing is stuck' : stuckTable(steps, output)),
  });
}

/** `retry ID` */
export async function retryOrder(id: string, session: Session): Promise<void> {
  checkOrderId(id);
  const { output } = session;
  const { concord } = await session.connect();
  const retried = await output.during(`looking for order ${id}`, concord.retry(id));
  await output.print({
    document: retried,
    rows: retried.steps.map((step) => [id, step]),
    terminal: () => `order ${output.colors.bold(safe(id))}: ${safe(retried.steps.join(', '))} tried now`,
  });
}

export interface ResolveFlags {
  readonly as: FinalStatus;
  readonly reason?: string;
}

/** `resolve ID` */
export async function resolveOrder(
  id: string,
  { as, reason }: ResolveFlags,
  session: Session,
): Promise<void> {
  checkOrderId(id);
  const request = { as, ...(reason === undefined ? {} : { reason }) };
  parseResolveRequest(request);
  session.subject = { orderId: id };
  const { output } = session;
  const { concord } = await session.connect();
  const outcome = await output.during(`resolving order ${id}`, concord.resolve(id, request));
  await output.print({
    document: outcome,
    rows: [[id, outcome.status, ...reasonCells(outcome.reason)]],
    terminal: () => `order ${output.colors.bold(safe(id))} ${coloured(outcome.status, output.colors)}`,
  });
}

function stuckTable(steps: readonly StuckStep[], { colors }: Output): Promise<string> {
  const rows = steps.map(({ orderId, problem, step, attempts, since, nextAttemptAt, lastError }) => [
    safe(orderId),
    colors.yellow(problem),
    safe(step),
    attempts,
    localTime(since),
    nextAttemptAt === undefined ? '' : localTime(nextAttemptAt),
    safe(lastError),
  ]);
  return table(['order', 'problem', 'step', 'tried', 'since', 'next try', 'last error'], rows, colors);
}
