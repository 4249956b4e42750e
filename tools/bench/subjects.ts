import { WithStartWorkflowOperation } from '@temporalio/client';
import type { Concord } from '../../client/concord.ts';
import type { Order } from '../../domain/order.ts';
import { workflowIdOf } from '../../domain/place-order.ts';
import { strategies } from '../../domain/strategies.ts';
import { decisionUpdate } from '../../workflows/order/messages.ts';
import { type Placing, placingBy } from '../measure/load-generator.ts';
import type { floor, plain, sequentialSaga } from './workflows.ts';

const workflows = { floor: 'floor', 'sequential-saga': 'sequentialSaga', plain: 'plain' } as const;
type Compared = keyof typeof workflows;

/** Those whose orders are on record without a workflow of Concord's. */
export const recordedOnly: readonly Compared[] = ['sequential-saga', 'plain'];

export const subjects = [...(Object.keys(workflows) as Compared[]), ...strategies] as const;
export type Subject = (typeof subjects)[number];

export function placingOf(concord: Concord, subject: Subject): Placing {
  return isCompared(subject) ? byWorkflow(concord, workflows[subject]) : placingBy(concord, subject);
}

const isCompared = (subject: Subject): subject is Compared => subject in workflows;

function byWorkflow({ client }: Concord, type: (typeof workflows)[Compared]): Placing {
  type Placed = typeof floor | typeof sequentialSaga | typeof plain;
  const optionsOf = (order: Order) => {
    const args: [Order] = [order];
    return { taskQueue: 'orders', workflowId: workflowIdOf(order.orderId), args };
  };
  return {
    async untilFinal(order) {
      return (await client.workflow.execute<Placed>(type, optionsOf(order))).status;
    },
    async withDecision(order, decided) {
      const start = { ...optionsOf(order), workflowIdConflictPolicy: 'FAIL' } as const;
      const operation = new WithStartWorkflowOperation<Placed>(type, start);
      const options = { startWorkflowOperation: operation, args: start.args };
      await client.workflow.executeUpdateWithStart(decisionUpdate, options);
      decided();
      return (await (await operation.workflowHandle()).result()).status;
    },
  };
}
