import type { WorkflowInboundCallsInterceptor, WorkflowOutboundCallsInterceptor } from '@temporalio/workflow';
import { type Carrier, carrierIn, withItemCarriers } from './headers.ts';

/**
 * For a workflow that handles many orders in batches: remembers the trace of each item that comes by a signal, and passes
 * it on with the batch. Items that wait when a run ends go on without their trace.
 */
export function itemTraces() {
  const remembered = new Map<string, Carrier>();
  const inbound: WorkflowInboundCallsInterceptor = {
    handleSignal: (input, next) => {
      const id = idOf(input.args[0]);
      const carrier = carrierIn(input.headers);
      if (id !== undefined && carrier !== undefined) remembered.set(id, carrier);
      const [oldest] = remembered.keys();
      if (remembered.size > MAXIMUM_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
      return next(input);
    },
  };
  const outbound: WorkflowOutboundCallsInterceptor = {
    scheduleActivity: (input, next) => {
      const [batch] = input.args;
      const ids = new Set(Array.isArray(batch) ? batch.map(idOf) : []);
      const carriers = [...remembered].filter(([id]) => ids.has(id));
      if (carriers.length === 0) return next(input);
      return next({ ...input, headers: withItemCarriers(input.headers, Object.fromEntries(carriers)) });
    },
  };
  return { inbound: [inbound], outbound: [outbound] };
}

// Several batches: an item may be tried again, so it is kept until newer ones need its place.
const MAXIMUM_REMEMBERED = 1_000;

/** An order id, as relays receive it, or the id of a message, as mailboxes do. */
function idOf(item: unknown): string | undefined {
  const id = typeof item === 'object' ? (item as { id?: unknown } | null)?.id : item;
  return typeof id === 'string' ? id : undefined;
}
