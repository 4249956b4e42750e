import { defaultPayloadConverter, type Headers } from '@temporalio/common';

/** A trace context as it travels: the W3C header `traceparent`, and what goes with it. */
export type Carrier = Readonly<Record<string, string>>;

/** Temporal's OpenTelemetry interceptors put the caller's context here. */
const TRACE_HEADER = '_tracer-data';
/** For the activity of a batch: the context of each item, by its id. */
const ITEMS_HEADER = '_concord-item-traces';

/** The caller's context; undefined if it isn't traced. */
export const carrierIn = (headers: Headers): Carrier | undefined => decoded<Carrier>(headers[TRACE_HEADER]);

export function withItemCarriers(headers: Headers, carriers: Readonly<Record<string, Carrier>>): Headers {
  return { ...headers, [ITEMS_HEADER]: defaultPayloadConverter.toPayload(carriers) };
}

export function itemCarriersIn(headers: Headers): Readonly<Record<string, Carrier>> | undefined {
  return decoded(headers[ITEMS_HEADER]);
}

/** Anyone may send a header, so one that can't be read counts as absent. */
function decoded<Value>(payload: Headers[string] | undefined): Value | undefined {
  try {
    const value: unknown = payload && defaultPayloadConverter.fromPayload(payload);
    return typeof value === 'object' && value !== null ? (value as Value) : undefined;
  } catch {
    return undefined;
  }
}
