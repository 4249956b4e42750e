import { runServices } from './run.ts';

// Every service in one process: for development, where isolation doesn't matter.
await runServices(['orders', 'inventory']);
