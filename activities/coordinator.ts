import {
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { identifier } from '../domain/order.ts';
import { workflowIdOf } from '../domain/place-order.ts';
import { type Coordinator, resolutionIdOf } from '../domain/resolution.ts';
import { parse } from '../domain/validation.ts';

/** Who knows what became of the workflows of an order: the only code of a service that asks Temporal. */
export interface Coordinators {
  /** Of the workflow that placed the order. */
  findCoordinator(orderId: string): Promise<Coordinator>;
  /** True where a resolution of the order runs, or has failed and waits for an operator. */
  isBeingResolved(orderId: string): Promise<boolean>;
}

/** @param client Reaches the namespace that the orders run in. */
export function createCoordinators(client: Client): Coordinators {
  return {
    async findCoordinator(input) {
      const orderId = parse(identifier(), input, 'orderId');
      const handle = client.workflow.getHandle(workflowIdOf(orderId));
      const found = await describe(handle);
      if (found === undefined) return { state: 'unknown' };
      // Not by its status: a paused workflow goes on as well.
      if (found.closeTime === undefined) return { state: 'running' };
      return { state: 'closed' };
    },

    async isBeingResolved(orderId) {
      const found = await describe(client.workflow.getHandle(resolutionIdOf(orderId)));
      return found !== undefined && (found.closeTime === undefined || found.status.name === 'FAILED');
    },
  };
}

async function describe(handle: WorkflowHandle): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await handle.describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
