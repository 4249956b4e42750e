import { runCountingWorker } from '../../measure/counting-worker.ts';

await runCountingWorker((name) => ({ activities: { [`${name}.nothing`]: async () => {} } }));
