import {
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Context } from '@temporalio/activity';
import {
  OpenTelemetryActivityInboundInterceptor,
  type OpenTelemetryActivityOutboundInterceptor,
} from '@temporalio/interceptors-opentelemetry';
import type { ActivityInterceptors, ActivityInterceptorsFactory } from '@temporalio/worker';
import { type Carrier, itemCarriersIn } from './headers.ts';
import { type ItemScope, itemScope } from './item-scope.ts';

type Outbound = Pick<OpenTelemetryActivityOutboundInterceptor, 'getLogAttributes'>;

/** A span for each attempt, and for each item of a batch one in the trace of its own order; log lines say which. */
export function tracedActivities(tracer: Tracer): ActivityInterceptorsFactory {
  return (activity: Context): ActivityInterceptors => {
    const inbound = new OpenTelemetryActivityInboundInterceptor(activity);
    let ids: Readonly<Record<string, string>> = {};
    // The SDK logs how an attempt has ended when its span is no longer active.
    const outbound: Outbound = { getLogAttributes: (input, next) => next({ ...ids, ...input }) };
    return {
      inbound: {
        execute: (input, next) =>
          inbound.execute(input, (traced) => {
            const current = trace.getActiveSpan()?.spanContext();
            if (current !== undefined) ids = { trace_id: current.traceId, span_id: current.spanId };
            const carriers = itemCarriersIn(input.headers);
            if (carriers === undefined) return next(traced);
            return itemScope.run(inTraces(carriers, tracer, activity.info.activityType), () => next(traced));
          }),
      },
      outbound,
    };
  };
}

function inTraces(
  carriers: Readonly<Record<string, Carrier>>,
  tracer: Tracer,
  activityType: string,
): ItemScope {
  const batch = trace.getActiveSpan()?.spanContext();
  return (id, handle) => {
    const carrier = carriers[id];
    if (carrier === undefined) return handle();
    const ofItem = propagation.extract(ROOT_CONTEXT, carrier);
    const options = {
      kind: SpanKind.CONSUMER,
      links: batch === undefined ? [] : [{ context: batch }],
    };
    return context.with(ofItem, () =>
      tracer.startActiveSpan(`HandleItem:${activityType}`, options, (span) => endWith(span, handle)),
    );
  };
}

/** Ends the span with the work, and says how that went. */
export async function endWith<Result>(span: Span, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    span.setStatus({
      code: SpanStatusCode.ERROR,
      message: error instanceof Error ? error.message : String(error),
    });
    throw error;
  } finally {
    span.end();
  }
}
