import { prepareWorker, type WorkerProcess } from '../../tools/start/worker-process.ts';

type Options = Parameters<typeof prepareWorker>[0] & {
  readonly concord: Parameters<WorkerProcess['start']>[1];
};

/** Starts a service's worker, and waits until it polls; see `start` of {@link prepareWorker}. */
export async function startWorker({ concord, ...options }: Options): Promise<WorkerProcess> {
  const worker = prepareWorker(options);
  await worker.start({}, concord);
  return worker;
}
