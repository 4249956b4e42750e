import { WithStartWorkflowOperation } from '@temporalio/client';
import type { Concord } from '../../client/concord.ts';
import type { Order } from '../../domain/order.ts';
import { workflowIdOf } from '../../domain/place-order.ts';
import { strategies } from '../../domain/strategies.ts';
import { decisionUpdate } from '../../workflows/order/messages.ts';
import { type Placing, placingBy } from '../measure/load-generator.ts';
import type { floor, sequentialSaga } from './workflows.ts';

/** What takes turns. */
export const subjects = ['floor', 'sequential-saga', ...strategies] as const;
export type Subject = (typeof subjects)[number];

export function placingOf(concord: Concord, subject: Subject): Placing {
  const strategy = strategies.find((each) => each === subject);
  if (strategy !== undefined) return placingBy(concord, strategy);
  return byPlainWorkflow(concord, subject === 'floor' ? 'floor' : 'sequentialSaga');
}

function byPlainWorkflow({ client }: Concord, type: 'floor' | 'sequentialSaga'): Placing {
  type Plain = typeof floor | typeof sequentialSaga;
  const optionsOf = (order: Order): { taskQueue: string; workflowId: string; args: [Order] } => ({
    ...{ taskQueue: 'orders', workflowId: workflowIdOf(order.orderId) },
    args: [order],
  });
  return {
    async untilFinal(order) {
      return (await client.workflow.execute<Plain>(type, optionsOf(order))).status;
    },
    async withDecision(order, decided) {
      const operation = new WithStartWorkflowOperation<Plain>(type, {
        ...optionsOf(order),
        workflowIdConflictPolicy: 'FAIL',
      });
      const options = { startWorkflowOperation: operation, args: [order] as [Order] };
      await client.workflow.executeUpdateWithStart(decisionUpdate, options);
      decided();
      return (await (await operation.workflowHandle()).result()).status;
    },
  };
}
