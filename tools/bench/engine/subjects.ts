import { WithStartWorkflowOperation } from '@temporalio/client';
import type { Concord } from '../../../client/concord.ts';
import type { Order, OrderOutcome } from '../../../domain/order.ts';
import { workflowIdOf } from '../../../domain/place-order.ts';
import { type Strategy, strategies } from '../../../domain/strategies.ts';
import { decisionUpdate } from '../../../workflows/order/messages.ts';
import type { floor, sequentialSaga } from './workflows/shapes.ts';

/** What takes turns. */
export const subjects = ['floor', 'sequential-saga', ...strategies] as const;
export type Subject = (typeof subjects)[number];

/** How a customer places one order by a subject. */
export interface Placing {
  /** Returns when all is done. */
  untilFinal(order: Order): Promise<void>;
  /** Asks for the decision first: calls `decided` as soon as it is known, and returns when all is done. */
  withDecision(order: Order, decided: () => void): Promise<void>;
}

export function placingBy(concord: Concord, subject: Subject): Placing {
  return isStrategy(subject) ? byConcord(concord, subject) : byPlainWorkflow(concord, subject);
}

export function isStrategy(subject: Subject): subject is Strategy {
  return strategies.some((strategy) => strategy === subject);
}

function byConcord(concord: Concord, strategy: Strategy): Placing {
  return {
    async untilFinal(order) {
      refuseOther(await concord.place(order, { strategy }));
    },
    async withDecision(order, decided) {
      refuseOther(await concord.place(order, { wait: 'decided', strategy }));
      decided();
      await concord.client.workflow.getHandle(workflowIdOf(order.orderId)).result();
    },
  };
}

function byPlainWorkflow({ client }: Concord, workflowType: 'floor' | 'sequential-saga'): Placing {
  type Plain = typeof floor | typeof sequentialSaga;
  const type = workflowType === 'floor' ? 'floor' : 'sequentialSaga';
  const optionsOf = (order: Order): { taskQueue: string; workflowId: string; args: [Order] } => ({
    ...{ taskQueue: 'orders', workflowId: workflowIdOf(order.orderId) },
    args: [order],
  });
  return {
    async untilFinal(order) {
      refuseOther(await client.workflow.execute<Plain>(type, optionsOf(order)));
    },
    async withDecision(order, decided) {
      const operation = new WithStartWorkflowOperation<Plain>(type, {
        ...optionsOf(order),
        workflowIdConflictPolicy: 'FAIL',
      });
      const options = { startWorkflowOperation: operation, args: [order] as [Order] };
      refuseOther(await client.workflow.executeUpdateWithStart(decisionUpdate, options));
      decided();
      await (await operation.workflowHandle()).result();
    },
  };
}

/** There is plenty of all: an order that is refused was measured wrong. */
function refuseOther({ orderId, status }: Pick<OrderOutcome, 'orderId'> & { status: string }): void {
  if (status !== 'confirmed') throw new Error(`order ${orderId} ended as ${status}`);
}
