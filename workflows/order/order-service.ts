import { CancellationScope, scheduleActivity } from '@temporalio/workflow';
import { type Announcement, announcementOfOrders } from '../../domain/announcements.ts';
import type { OrderOutcome, Reason } from '../../domain/order.ts';
import type { ParticipantRequest } from '../../domain/participant.ts';
import { noAnswer, outcomeElsewhere, reasonOf } from './failures.ts';
import { type BoundParticipant, bindParticipants, optionsOf } from './participants.ts';
import type { Progress } from './progress.ts';
import { awaitAnswer, type Replies } from './replies.ts';

/** The order service, bound to one order, where it tells the inventory by itself what it does. */
export interface OrderService {
  readonly name: string;
  /** Puts the order on record, and tells the inventory of it. */
  prepare(): Promise<void>;
  /** Puts the outcome on record, and tells the inventory of it. */
  settle(outcome: OrderOutcome): Promise<void>;
  /** Puts the outcome on record unless there is one, and returns what is on record then. */
  decide(outcome: OrderOutcome): Promise<OrderOutcome>;
  /** Tells the inventory once more of the order, or of its outcome. */
  announceAgain(outcome?: OrderOutcome): Promise<void>;
}

/** @param prepareBudget How long all attempts to prepare may take together, in milliseconds. */
export function bindOrderService(request: ParticipantRequest, prepareBudget: number): OrderService {
  const [orders] = bindParticipants(request, prepareBudget) as [BoundParticipant, ...BoundParticipant[]];
  const call = <Result>(activity: string, argument: unknown) =>
    scheduleActivity<Result>(`orders.${activity}`, [argument], {
      taskQueue: 'orders',
      ...optionsOf('settle', `orders.${activity}`),
    });
  return {
    name: orders.name,
    prepare: orders.prepare,
    settle: (outcome) => call(stepOf(outcome), { ...request, ...endOf(outcome) }),
    decide: (outcome) => call('decide', { ...request, ...endOf(outcome) }),
    announceAgain: (outcome) => call('announce', announcementOf(request, outcome)),
  };
}

/** What came of telling the inventory of an order. */
export interface Answer {
  /** Why the order is refused; nothing where it was answered in time, and nobody has cancelled. */
  readonly refusal?: Reason;
  /** Present where the order service has refused: nothing has gone out, and this is how the order ends. */
  readonly elsewhere?: OrderOutcome;
}

/** Puts the order on record, which tells the inventory of it, and waits for an answer, a cancel, or the budget's end. */
export async function placeAndWait(
  orders: OrderService,
  isAnswered: () => boolean,
  {
    request,
    prepareBudget,
    progress,
  }: { request: ParticipantRequest; prepareBudget: number; progress: Progress },
): Promise<Answer> {
  const waiting = new CancellationScope();
  progress.onCancel(() => waiting.cancel());
  const startedAt = Date.now();
  try {
    return await waiting.run(async () => {
      await progress.track(orders, 'prepare', orders.prepare());
      const left = prepareBudget - (Date.now() - startedAt);
      const inTime = await awaitAnswer(isAnswered, () => orders.announceAgain(), left);
      return inTime ? {} : { refusal: noAnswer('inventory') };
    });
  } catch (error) {
    const elsewhere = outcomeElsewhere(error, request.order.orderId);
    return elsewhere === undefined ? { refusal: reasonOf(error) } : { elsewhere };
  }
}

/** Waits until the inventory has carried out the outcome, and shows it. */
export function untilSettled(
  orders: OrderService,
  replies: Replies,
  { outcome, progress }: { outcome: OrderOutcome; progress: Progress },
): Promise<void> {
  const isSettled = () => replies.isSettled;
  const settled = awaitAnswer(isSettled, () => orders.announceAgain(outcome)).then(() => {});
  return progress.track(INVENTORY, stepOf(outcome), settled);
}

/** Who is told, and does its part. */
export const INVENTORY = { name: 'inventory' } as const;

export function stepOf({ status }: Pick<OrderOutcome, 'status'>): 'commit' | 'rollback' {
  return status === 'confirmed' ? 'commit' : 'rollback';
}

function endOf({ status, reason }: OrderOutcome): Pick<OrderOutcome, 'status' | 'reason'> {
  return reason === undefined ? { status } : { status, reason };
}

function announcementOf(
  request: ParticipantRequest,
  outcome: OrderOutcome | undefined,
): Announcement | undefined {
  if (outcome === undefined) return announcementOfOrders('prepare', request);
  const { status, reason } = outcome;
  if (status === 'confirmed') return announcementOfOrders('commit', request);
  return announcementOfOrders('rollback', {
    ...request,
    status,
    ...(reason === undefined ? {} : { reason }),
  });
}
