import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { createMongoClient } from '../../activities/mongodb/client.ts';
import { createStandInGateway } from '../../examples/payment/gateway.ts';
import { createPaymentWorker } from '../../examples/payment/worker.ts';

// A payment worker that is made to be killed: it hangs when it has authorized a payment, and tells its parent.

Runtime.install({ logger: new DefaultLogger('ERROR') });

/** What the parent sends, once. */
export interface Doom {
  readonly address: string;
  readonly namespace: string;
  readonly mongodbUri: string;
  readonly database: string;
}

process.once('message', async (message) => {
  const { address, namespace, mongodbUri, database: name } = message as Doom;
  const database = createMongoClient(mongodbUri, 'concord-doomed').db(name);
  const gateway = createStandInGateway(database.collection('provider'));
  const worker = await createPaymentWorker({
    connection: await NativeConnection.connect({ address }),
    namespace,
    database,
    gateway: {
      ...gateway,
      async authorize(payment) {
        await gateway.authorize(payment);
        process.send?.(payment.id);
        return new Promise(() => {});
      },
    },
  });
  await worker.run();
});

// However the parent ends, nothing is left behind.
process.once('disconnect', () => process.exit());
