import {
  type WorkflowInboundCallsInterceptor,
  type WorkflowInterceptors,
  type WorkflowInternalsInterceptor,
  type WorkflowOutboundCallsInterceptor,
  workflowInfo,
} from '@temporalio/workflow';
import { carrierIn } from './headers.ts';
import { itemTraces } from './item-traces.ts';

/**
 * Bundled with every workflow. What it does depends on the history alone, never on a worker's settings: a workflow that was
 * started with a trace context is traced, and any other runs as if this were absent. So a history replays anywhere, and
 * turning tracing on or off affects no running order.
 */
export function interceptors(): WorkflowInterceptors {
  // It handles many orders for ever, so it belongs to no order's trace: each item keeps its own.
  if (workflowInfo().workflowType === 'mailbox') return itemTraces();
  let traced: ReturnType<typeof loadTracing> | undefined;
  const inbound: WorkflowInboundCallsInterceptor = {
    execute(input, next) {
      if (carrierIn(input.headers) !== undefined) traced = loadTracing();
      return traced ? traced.inbound.execute(input, next) : next(input);
    },
    handleSignal: (input, next) => (traced ? traced.inbound.handleSignal(input, next) : next(input)),
    handleUpdate: (input, next) => (traced ? traced.inbound.handleUpdate(input, next) : next(input)),
  };
  const outbound: WorkflowOutboundCallsInterceptor = {
    scheduleActivity: (input, next) => (traced ? traced.outbound.scheduleActivity(input, next) : next(input)),
    startChildWorkflowExecution: (input, next) =>
      traced ? traced.outbound.startChildWorkflowExecution(input, next) : next(input),
    getLogAttributes: (input, next) => (traced ? traced.outbound.getLogAttributes(input, next) : next(input)),
  };
  const internals: WorkflowInternalsInterceptor = {
    dispose: (input, next) => void (traced ? traced.internals.dispose(input, next) : next(input)),
  };
  return { inbound: [inbound], outbound: [outbound], internals: [internals] };
}

/** OpenTelemetry's SDK takes milliseconds and memory in each workflow, so only those that are traced load it. */
function loadTracing() {
  // A static import is always loaded, and a dynamic one takes a turn of the event loop: no order may depend on that.
  const loaded =
    require('@temporalio/interceptors-opentelemetry/lib/workflow') as typeof import('@temporalio/interceptors-opentelemetry/lib/workflow/index.js');
  return {
    inbound: new loaded.OpenTelemetryInboundInterceptor(),
    outbound: new loaded.OpenTelemetryOutboundInterceptor(),
    internals: new loaded.OpenTelemetryInternalsInterceptor(),
  };
}
