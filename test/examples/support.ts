import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { Collection, Db } from 'mongodb';
import type { BookedPayment } from '../../examples/payment/gateway.ts';
import type { PaymentCollections } from '../../examples/payment/payment.ts';

/** The payment service's collections, and the books of the provider that it stands with. */
export interface PaymentBooks extends PaymentCollections {
  readonly provider: Collection<BookedPayment>;
}

export function collectionsOf(database: Db): PaymentBooks {
  return {
    payments: database.collection('payments'),
    prices: database.collection('prices'),
    provider: database.collection('provider'),
  };
}

const table = fileURLToPath(new URL('../../workflows/order/participant-names.ts', import.meta.url));
const tableWithPayment = fileURLToPath(
  new URL('../../examples/payment/participant-names.ts', import.meta.url),
);

/** The order service's workflow code, with the example's table of participants in place of Concord's own. */
export async function bundleWithPayment(): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../workflows/orders.ts', import.meta.url)),
    logger: new DefaultLogger('WARN'),
    webpackConfigHook: (configuration) => ({
      ...configuration,
      resolve: {
        ...configuration.resolve,
        alias: { ...configuration.resolve?.alias, [table]: tableWithPayment },
      },
    }),
  });
  return code;
}

/** The lines of code, without comments, that are in one of the two tables only. */
export async function changedLines(): Promise<string[][]> {
  const [before, after] = (await Promise.all([table, tableWithPayment].map(linesOf))) as [string[], string[]];
  return [before.filter((line) => !after.includes(line)), after.filter((line) => !before.includes(line))];
}

async function linesOf(file: string): Promise<string[]> {
  const code = (await readFile(file, 'utf8')).replace(/\/\*[\s\S]*?\*\//g, '');
  return code.split('\n').filter((line) => line.trim() !== '');
}
