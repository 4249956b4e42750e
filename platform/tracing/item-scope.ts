import { AsyncLocalStorage } from 'node:async_hooks';

/** What goes on around the handling of each item of a batch, by its id, so that it shows where its order is shown. */
export type ItemScope = (id: string, handle: () => Promise<void>) => Promise<void>;

/** The scope of the batch that an activity is handling, where that is traced. Apart, so that it loads no OpenTelemetry. */
export const itemScope = new AsyncLocalStorage<ItemScope>();
