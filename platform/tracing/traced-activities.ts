import type { SpanOptions } from '@opentelemetry/api';
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OpenTelemetryActivityInboundInterceptor } from '@temporalio/interceptors-opentelemetry';
import type { ActivityInterceptors, ActivityInterceptorsFactory } from '@temporalio/worker';
import { type Carrier, itemCarriersIn } from './headers.ts';
import { type ItemScope, itemScope } from './item-scope.ts';

/** Gives each attempt a span, and each item of a batch one in the trace of its own order; log lines hold their ids. */
export const tracedActivities: ActivityInterceptorsFactory = (activity) => {
  const traced = new OpenTelemetryActivityInboundInterceptor(activity);
  let ids: Readonly<Record<string, string>> = {};
  const inbound: ActivityInterceptors['inbound'] = {
    execute: (input, next) =>
      traced.execute(input, (inner) => {
        const current = trace.getActiveSpan()?.spanContext();
        if (current !== undefined) ids = { trace_id: current.traceId, span_id: current.spanId };
        const carriers = itemCarriersIn(input.headers);
        if (carriers === undefined) return next(inner);
        return itemScope.run(inTraces(carriers, activity.info.activityType), () => next(inner));
      }),
  };
  // The SDK logs how an attempt ended when its span is no longer active.
  return { inbound, outbound: { getLogAttributes: (input, next) => next({ ...ids, ...input }) } };
};

function inTraces(carriers: Readonly<Record<string, Carrier>>, activityType: string): ItemScope {
  const batch = trace.getActiveSpan()?.spanContext();
  const options = { kind: SpanKind.CONSUMER, links: batch === undefined ? [] : [{ context: batch }] };
  return (id, handle) => {
    const carrier = carriers[id];
    if (carrier === undefined) return handle();
    const ofItem = propagation.extract(ROOT_CONTEXT, carrier);
    return context.with(ofItem, () => inSpan(`HandleItem:${activityType}`, handle, options));
  };
}

/** Runs work in a span that ends with it and holds its error. */
export function inSpan<Result>(name: string, work: () => Promise<Result>, options: SpanOptions = {}) {
  return trace.getTracer('concord').startActiveSpan(name, options, async (span) => {
    try {
      return await work();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      span.setStatus({ code: SpanStatusCode.ERROR, message });
      throw error;
    } finally {
      span.end();
    }
  });
}
