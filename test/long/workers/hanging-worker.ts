import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import { runServices } from '../../../workers/run.ts';

// `hanging-worker.ts BUNDLE ORDER`: the inventory's worker as `workers/` runs it, in which `inventory.prepare` of one order
// never returns, also when it is cancelled. Told `lose`, it loses the threads that run workflows, as one does that has run out
// of memory; told `keep`, its threads can't be ended any more; told `reject`, it rejects a promise that nobody handles.

const codePath = z.string().parse(process.argv[2]);
const hangsOn = `order/${process.argv[3]}`;
const threads = new Set<Worker>();
const { postMessage } = Worker.prototype;
Worker.prototype.postMessage = function (this: Worker, ...message: Parameters<typeof postMessage>) {
  if (Object.hasOwn(message[0] as object, 'requestId')) threads.add(this);
  postMessage.apply(this, message);
};
process.on('message', (told) => {
  if (told === 'lose') for (const thread of threads) void thread.terminate();
  if (told === 'keep') Worker.prototype.terminate = () => new Promise(() => {});
  if (told === 'reject') void Promise.reject(new Error('nobody handles it'));
});
await runServices(['inventory'], {
  workflowBundle: { codePath },
  interceptors: [
    ({ info }) => ({
      inbound: {
        execute(input, next) {
          const isHanging = info.workflowExecution?.workflowId === hangsOn;
          if (!isHanging || info.activityType !== 'inventory.prepare') return next(input);
          process.send?.('it hangs');
          return new Promise(() => {});
        },
      },
    }),
  ],
});
