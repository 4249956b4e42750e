import { expect } from 'vitest';
import type { OtlpReceiver, ReceivedSpan } from './otlp-receiver.ts';

/** The trace of an order, once all of it has come: its workflow's span is ended last, but for what `isWhole` says. */
export async function traceOf(
  { spans }: OtlpReceiver,
  orderId: string,
  isWhole: (trace: readonly ReceivedSpan[]) => boolean = () => true,
): Promise<ReceivedSpan[]> {
  let trace: ReceivedSpan[] = [];
  await expect
    .poll(() => {
      const start = spans.find(
        ({ name, attributes }) =>
          name === 'StartWorkflow:placeOrder' && attributes.temporalWorkflowId === `order/${orderId}`,
      );
      trace = spans.filter(({ traceId }) => traceId === start?.traceId);
      const names = trace.map(({ name }) => name);
      return names.includes('place') && names.includes('RunWorkflow:placeOrder') && isWhole(trace);
    })
    .toBe(true);
  return trace;
}

/** The names of a span's ancestors in its trace, the nearest first. */
export function ancestorsOf(span: ReceivedSpan, trace: readonly ReceivedSpan[]): string[] {
  const parent = trace.find(({ spanId }) => spanId === span.parentSpanId);
  return parent === undefined ? [] : [parent.name, ...ancestorsOf(parent, trace)];
}

/** Spans whose parent has not come. */
export function firstSpansIn(trace: readonly ReceivedSpan[]): string[] {
  return trace
    .filter(({ parentSpanId }) => !trace.some(({ spanId }) => spanId === parentSpanId))
    .map(({ name }) => name);
}

/** The commands to MongoDB. */
export function commandsIn(trace: readonly ReceivedSpan[]): ReceivedSpan[] {
  return trace.filter(({ attributes }) => attributes['db.system.name'] === 'mongodb');
}
