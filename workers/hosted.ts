import type { NativeConnection, Worker } from '@temporalio/worker';
import type { MongoClient } from 'mongodb';
import type { Service } from './services.ts';

/** A service that this process hosts. */
export interface Hosted {
  readonly service: Pick<Service, 'name' | 'workflowsPath'>;
  readonly worker: Pick<Worker, 'getState' | 'getStatus' | 'run' | 'shutdown'>;
  readonly mongo: Pick<MongoClient, 'db' | 'close'>;
}

/** The parts that run so far; none while this process still waits for its servers. */
export interface Started {
  connection?: Pick<NativeConnection, 'withDeadline' | 'workflowService'>;
  hosted: readonly Hosted[];
}

export function hasEnded({ worker }: Hosted): boolean {
  return ['STOPPED', 'FAILED'].includes(worker.getState());
}
