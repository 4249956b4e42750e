import { runCountingWorker } from './counting-worker.ts';

await runCountingWorker();
