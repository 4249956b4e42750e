import type { OpenTelemetrySinks } from '@temporalio/interceptors-opentelemetry';
import type { InjectedSinks } from '@temporalio/worker';
import { isTracingOn } from '../settings/read-tracing.ts';
import type { Tracing, TracingOptions } from './opentelemetry.ts';

export type { Tracing };

/** For a worker that doesn't trace: drops the spans of orders that were placed by a client that does. */
export const droppedSpans: InjectedSinks<OpenTelemetrySinks> = { exporter: { export: { fn: () => {} } } };

/** Starts tracing if the environment asks for it; else nothing of OpenTelemetry is loaded. @throws ConcordError */
export async function startTracing(options: TracingOptions): Promise<Tracing | undefined> {
  if (!isTracingOn(process.env)) return undefined;
  const { startOpenTelemetry } = await import('./opentelemetry.ts');
  return startOpenTelemetry(options);
}
