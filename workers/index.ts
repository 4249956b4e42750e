// `import … from 'concord/workers'`: workers to run in a program of one's own, with its own subscribers.

export type { Post } from '../activities/exchange/post.ts';
export { createMongoClient } from '../activities/mongodb/client.ts';
export type { Announcement } from '../domain/announcements.ts';
export { createServiceWorker, type ServiceWorkerOptions } from './create-worker.ts';
export { DEFAULT_LIMITS, poolOf, type WorkerLimits } from './limits.ts';
export { runServices } from './run.ts';
export { type ServiceName, services } from './services.ts';
export { readSettings, type WorkerSettings } from './settings.ts';
export { type EventHandler, type Subscription, subscriptions } from './subscriptions.ts';
