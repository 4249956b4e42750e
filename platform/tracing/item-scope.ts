import { AsyncLocalStorage } from 'node:async_hooks';

/** Surrounds the handling of one item of a batch, so that its spans belong to the trace of its order. */
export type ItemScope = (id: string, handle: () => Promise<void>) => Promise<void>;

/** Set while an activity handles a batch that is traced. A file of its own, so that it loads no OpenTelemetry. */
export const itemScope = new AsyncLocalStorage<ItemScope>();
