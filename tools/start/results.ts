import Table from 'cli-table3';
import colors from 'picocolors';
import type { SampleResults } from './samples.ts';

export function printResults(results: SampleResults): void {
  const { orders } = results;
  const width = Math.max(...orders.map(({ orderId }) => orderId.length));
  const surprises = orders.filter(({ asExpected }) => !asExpected);
  console.log(`\n${ordersTable(orders)}\n`);
  for (const { orderId, webUi } of orders) {
    if (webUi !== undefined) console.log(`${orderId.padEnd(width)}  ${colors.dim(webUi)}`);
  }
  console.log(`\n${stockTable(results)}`);
  if (surprises.length === 0) console.log(colors.green(`All ${orders.length} orders ended as expected.`));
  for (const { orderId, status, expected } of surprises) {
    console.log(colors.red(`${orderId} is ${status}, but was expected to be ${expected.status}.`));
  }
}

// Leaves the table narrower than 100 columns.
const WHY_WIDTH = 32;
const colorOf = { confirmed: colors.green, rejected: colors.yellow, cancelled: colors.cyan } as const;
/** Colour is for terminals; a pipe gets the same table without. */
const style = colors.isColorSupported ? { head: ['bold'], border: ['gray'] } : { head: [], border: [] };

function ordersTable(orders: SampleResults['orders']): string {
  const table = new Table({
    head: ['Order', 'Lines', 'Outcome', 'Why'],
    colWidths: [null, null, null, WHY_WIDTH],
    wordWrap: true,
    style,
  });
  for (const { orderId, name, lines, status, reason } of orders) {
    table.push([
      `${orderId}\n${colors.dim(name)}`,
      lines.map(({ sku, quantity }) => `${quantity} × ${sku}`).join('\n'),
      colorOf[status](status),
      reason?.message ?? '',
    ]);
  }
  return table.toString();
}

function stockTable({ stock }: SampleResults): string {
  const table = new Table({
    head: ['SKU', 'Received', 'Available', 'Reserved', 'Sold'],
    colAligns: ['left', 'right', 'right', 'right', 'right'],
    style,
  });
  for (const { sku, received, available, reserved, sold } of stock)
    table.push([sku, received, available, reserved, sold]);
  return table.toString();
}
