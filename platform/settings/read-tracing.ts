import { z } from 'zod';
import { parse } from '../../domain/validation.ts';
import { withoutEmpty } from './setting.ts';
import { tracingVariables } from './variables.ts';

/** @throws ConcordError `InvalidInput`, naming each variable and the fix, if they ask for what is not supported. */
export function isTracingOn(variables: NodeJS.ProcessEnv): boolean {
  const given = withoutEmpty(variables);
  if (parse(disabled, given).OTEL_SDK_DISABLED) return false;
  if (parse(exporter, given).OTEL_TRACES_EXPORTER === 'none') return false;
  if (!given.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT && !given.OTEL_EXPORTER_OTLP_ENDPOINT) return false;
  // What is overridden asks for nothing.
  if (given.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) delete given.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (given.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL) delete given.OTEL_EXPORTER_OTLP_PROTOCOL;
  parse(environment, given);
  return true;
}

const environment = z.object(tracingVariables);
const disabled = environment.pick({ OTEL_SDK_DISABLED: true });
const exporter = environment.pick({ OTEL_TRACES_EXPORTER: true });
