import { runCountingWorker } from '../compare/counting-worker.ts';

await runCountingWorker((name) => ({ activities: { [`${name}.nothing`]: async () => {} } }));
