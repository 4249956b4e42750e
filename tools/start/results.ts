import Table from 'cli-table3';
import colors from 'picocolors';
import type { OrderOutcome } from '../../domain/order.ts';
import type { SampleResult, SampleResults } from './samples.ts';

/** Prints what happened to each order and to the stock, as tables on standard output. */
export function printResults(results: SampleResults): void {
  console.log(`\n${ordersTable(results.orders)}\n`);
  for (const { orderId, webUi } of results.orders) {
    if (webUi !== undefined)
      console.log(`${orderId.padEnd(longestId(results.orders))}  ${colors.dim(webUi)}`);
  }
  console.log(`\n${stockTable(results)}`);
  const surprises = results.orders.filter(({ asExpected }) => !asExpected);
  if (surprises.length === 0)
    console.log(colors.green(`All ${results.orders.length} orders ended as expected.`));
  for (const { orderId, status, expected } of surprises) {
    console.log(colors.red(`${orderId} is ${status}, but was expected to be ${expected.status}.`));
  }
}

/** The same as one JSON document. */
export function resultsAsJson(results: SampleResults): string {
  return JSON.stringify(results, null, 2);
}

function ordersTable(orders: readonly SampleResult[]): string {
  const table = new Table({
    head: ['Order', 'Lines', 'Outcome', 'Why'],
    colWidths: [null, null, null, WHY_WIDTH],
    wordWrap: true,
    style: tableStyle(),
  });
  for (const { orderId, name, lines, status, reason } of orders) {
    table.push([
      `${orderId}\n${colors.dim(name)}`,
      lines.map(({ sku, quantity }) => `${quantity} × ${sku}`).join('\n'),
      colored(status),
      reason?.message ?? '',
    ]);
  }
  return table.toString();
}

function stockTable({ stock }: SampleResults): string {
  const head = ['SKU', 'Received', 'Available', 'Reserved', 'Sold'];
  const table = new Table({
    head,
    colAligns: ['left', 'right', 'right', 'right', 'right'],
    style: tableStyle(),
  });
  for (const { sku, received, available, reserved, sold } of stock)
    table.push([sku, received, available, reserved, sold]);
  return table.toString();
}

/** Colour is for terminals; a pipe gets the same table without. */
function tableStyle(): { head: string[]; border: string[] } {
  return colors.isColorSupported ? { head: ['bold'], border: ['gray'] } : { head: [], border: [] };
}

// Leaves the table narrower than 100 columns.
const WHY_WIDTH = 32;

const colorOf = { confirmed: colors.green, rejected: colors.yellow, cancelled: colors.cyan } as const;

function colored(status: OrderOutcome['status']): string {
  return colorOf[status](status);
}

function longestId(orders: readonly SampleResult[]): number {
  return Math.max(...orders.map(({ orderId }) => orderId.length));
}
