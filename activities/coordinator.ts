import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { identifier } from '../domain/order.ts';
import { workflowIdOf } from '../domain/place-order.ts';
import { type Coordinator, resolutionIdOf } from '../domain/resolution.ts';
import { parse } from '../domain/validation.ts';

/** Knows what became of an order's workflows. */
export type Coordinators = ReturnType<typeof createCoordinators>;

export function createCoordinators(client: Client) {
  return {
    async findCoordinator(input: string): Promise<Coordinator> {
      const found = await describe(workflowIdOf(parse(identifier(), input, 'orderId')));
      if (found === undefined) return { state: 'unknown' };
      // Its status doesn't count: a paused workflow goes on as well.
      return { state: found.closeTime === undefined ? 'running' : 'closed' };
    },

    /** Returns true if a resolution of the order runs, or has failed and waits for an operator. */
    async isBeingResolved(orderId: string): Promise<boolean> {
      const found = await describe(resolutionIdOf(orderId));
      return found !== undefined && (found.closeTime === undefined || found.status.name === 'FAILED');
    },
  };

  async function describe(workflowId: string) {
    try {
      return await client.workflow.getHandle(workflowId).describe();
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  }
}
