import { type NativeConnection, Worker } from '@temporalio/worker';
import type { Db } from 'mongodb';
import { activityInterceptors } from '../../workers/interceptors.ts';
import { DEFAULT_LIMITS, slotsOf } from '../../workers/limits.ts';
import { type DeploymentVersion, versioningOf } from '../../workers/versioning.ts';
import type { PaymentGateway } from './gateway.ts';
import { createPayment } from './payment.ts';

export interface PaymentWorkerOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** The payment service's own database, connected by `createMongoClient`. */
  readonly database: Db;
  readonly gateway: PaymentGateway;
  readonly version?: DeploymentVersion | undefined;
}

/** The worker of the payment service: only activities, on a task queue that is called like the participant. */
export function createPaymentWorker(options: PaymentWorkerOptions): Promise<Worker> {
  const { connection, namespace, database, gateway, version } = options;
  const payment = createPayment(
    { payments: database.collection('payments'), prices: database.collection('prices') },
    gateway,
  );
  return Worker.create({
    connection,
    namespace,
    taskQueue: 'payment',
    activities: {
      'payment.prepare': payment.prepare,
      'payment.commit': payment.commit,
      'payment.rollback': payment.rollback,
      'payment.inspect': payment.inspect,
    },
    interceptors: { activity: [activityInterceptors] },
    ...slotsOf(DEFAULT_LIMITS),
    ...versioningOf(version),
    shutdownGraceTime: '10 seconds',
  });
}
