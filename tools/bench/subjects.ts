import { WithStartWorkflowOperation } from '@temporalio/client';
import type { Concord } from '../../client/concord.ts';
import type { Order } from '../../domain/order.ts';
import { workflowIdOf } from '../../domain/place-order.ts';
import { strategies } from '../../domain/strategies.ts';
import { decisionUpdate } from '../../workflows/order/messages.ts';
import { type Placing, placingBy } from '../measure/load-generator.ts';
import type { floor, sequentialSaga } from './workflows.ts';

export const subjects = ['floor', 'sequential-saga', ...strategies] as const;
export type Subject = (typeof subjects)[number];

export function placingOf(concord: Concord, subject: Subject): Placing {
  const strategy = strategies.find((each) => each === subject);
  if (strategy !== undefined) return placingBy(concord, strategy);
  return byPlainWorkflow(concord, subject === 'floor' ? 'floor' : 'sequentialSaga');
}

function byPlainWorkflow({ client }: Concord, type: 'floor' | 'sequentialSaga'): Placing {
  type Plain = typeof floor | typeof sequentialSaga;
  const optionsOf = (order: Order) => {
    const args: [Order] = [order];
    return { taskQueue: 'orders', workflowId: workflowIdOf(order.orderId), args };
  };
  return {
    async untilFinal(order) {
      return (await client.workflow.execute<Plain>(type, optionsOf(order))).status;
    },
    async withDecision(order, decided) {
      const start = { ...optionsOf(order), workflowIdConflictPolicy: 'FAIL' } as const;
      const operation = new WithStartWorkflowOperation<Plain>(type, start);
      const options = { startWorkflowOperation: operation, args: start.args };
      await client.workflow.executeUpdateWithStart(decisionUpdate, options);
      decided();
      return (await (await operation.workflowHandle()).result()).status;
    },
  };
}
