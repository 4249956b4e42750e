import type { WorkflowInboundCallsInterceptor, WorkflowOutboundCallsInterceptor } from '@temporalio/workflow';
import { type Carrier, carrierIn, withItemCarriers } from './headers.ts';

/**
 * For a mailbox, which handles many orders in batches: remembers the trace of each order of which something comes by a
 * signal, and passes it on with what is handed over of it. What waits when a run ends goes on without its trace.
 */
export function itemTraces() {
  const remembered = new Map<string, Carrier>();
  const inbound: WorkflowInboundCallsInterceptor = {
    handleSignal: (input, next) => {
      const orderId = textIn(objectIn(input.args[0], 'announcement'), 'subject');
      const carrier = carrierIn(input.headers);
      if (orderId !== undefined && carrier !== undefined) remembered.set(orderId, carrier);
      const [oldest] = remembered.keys();
      if (remembered.size > MAXIMUM_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
      return next(input);
    },
  };
  const outbound: WorkflowOutboundCallsInterceptor = {
    scheduleActivity: (input, next) => {
      const [batch] = input.args;
      const carriers = (Array.isArray(batch) ? batch : []).flatMap((item) => {
        const carrier = remembered.get(textIn(item, 'subject') ?? '');
        return carrier === undefined ? [] : [[textIn(item, 'id') ?? '', carrier] as const];
      });
      if (carriers.length === 0) return next(input);
      return next({ ...input, headers: withItemCarriers(input.headers, Object.fromEntries(carriers)) });
    },
  };
  return { inbound: [inbound], outbound: [outbound] };
}

// Several batches: an order is heard of again, so it is kept until newer ones need its place.
const MAXIMUM_REMEMBERED = 1_000;

function objectIn(value: unknown, field: string): unknown {
  return typeof value === 'object' ? (value as Readonly<Record<string, unknown>> | null)?.[field] : undefined;
}

function textIn(value: unknown, field: string): string | undefined {
  const text = objectIn(value, field);
  return typeof text === 'string' ? text : undefined;
}
