import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { createMongoClient } from '../../../activities/mongodb/client.ts';
import { createStandInGateway } from '../../../examples/payment/gateway.ts';
import { paymentService } from '../../../examples/payment/service.ts';
import { dataConverterOf } from '../../../platform/encryption/data-converter.ts';
import { parseKeys } from '../../../platform/encryption/keys.ts';
import { createServiceWorker } from '../../../workers/create-worker.ts';

// A payment worker that is made to be killed: it hangs when it has authorized a payment, and tells its parent.

Runtime.install({ logger: new DefaultLogger('ERROR') });

/** What the parent sends, once. */
export interface Doom {
  readonly address: string;
  readonly namespace: string;
  readonly mongodbUri: string;
  readonly database: string;
  /** As ENCRYPTION_KEYS has them. */
  readonly keys: string;
}

process.once('message', async (message) => {
  const { address, namespace, mongodbUri, database: name, keys } = message as Doom;
  const database = createMongoClient(mongodbUri, 'concord-doomed').db(name);
  const gateway = createStandInGateway(database.collection('provider'));
  const hanging = paymentService(() => ({
    ...gateway,
    async authorize(payment) {
      await gateway.authorize(payment);
      process.send?.(payment.id);
      return new Promise(() => {});
    },
  }));
  const connection = await NativeConnection.connect({ address });
  const dataConverter = dataConverterOf(parseKeys(keys));
  const worker = await createServiceWorker(hanging, { connection, namespace, database, dataConverter });
  await worker.run();
});

// However the parent ends, nothing is left behind.
process.once('disconnect', () => process.exit());
