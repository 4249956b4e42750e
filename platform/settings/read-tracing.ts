import { z } from 'zod';
import { parse } from '../../domain/validation.ts';
import { withoutEmpty } from './setting.ts';
import { tracingVariables } from './variables.ts';

/** @throws ConcordError `InvalidInput`, naming each variable and the fix, if they ask for what is not supported. */
export function isTracingOn(variables: NodeJS.ProcessEnv): boolean {
  const given = withoutEmpty(variables);
  if (!given.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT && !given.OTEL_EXPORTER_OTLP_ENDPOINT) return false;
  if (given.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || given.OTEL_TRACES_EXPORTER === 'none')
    return false;
  // What is overridden, or that no sampler reads, asks for nothing.
  if (given.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) delete given.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (given.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL) delete given.OTEL_EXPORTER_OTLP_PROTOCOL;
  if (!given.OTEL_TRACES_SAMPLER?.endsWith('ratio')) delete given.OTEL_TRACES_SAMPLER_ARG;
  parse(z.object(tracingVariables), given);
  return true;
}
