import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { ConcordError } from '../../../domain/errors.ts';
import { parseReceipt } from '../../../domain/stock.ts';
import { wholeNumber } from '../shared/arguments.ts';
import { interruptible } from '../shared/interrupt.ts';
import type { Session } from '../shared/session.ts';
import { LEVELS } from './stock.ts';

export function restock(command: Command, session: Session): void {
  command
    .description('add a receipt of goods to the stock')
    .argument('<sku>', 'what has arrived')
    .argument('<quantity>', 'how many units', wholeNumber)
    .option('--receipt-id <id>', 'the id of the receipt: repeating it adds it once (default: a new one)')
    .addHelpText('after', HELP)
    .action(async (sku: string, quantity: number, flags: { readonly receiptId?: string }) => {
      const { receiptId } = parseReceipt({ receiptId: randomUUID(), sku, quantity, ...flags });
      const { concord } = await session.connect();
      session.subject = { receiptId };
      const farewell = `receipt ${receiptId} may have been accepted; repeat it with this --receipt-id, which adds it once`;
      const adding = interruptible(concord.restock(sku, quantity, { receiptId }), () => farewell);
      const level = await session.output.during(`adding receipt ${receiptId}`, adding).catch((error) => {
        throw repeatable(error, receiptId);
      });
      await session.output.printItems([level], LEVELS, { ...level, receiptId });
    });
}

const HELP = `
Example:
  $ concord restock A 10
  $ concord restock A 10 --receipt-id receipt-2025-01
`;

/** If the answer was lost, the receipt may have been added, and its id is what makes repeating it harmless. */
function repeatable(error: unknown, receiptId: string): unknown {
  if (!(error instanceof ConcordError) || error.code !== 'Unreachable') return error;
  const { details } = error as ConcordError<'Unreachable'>;
  const fix = `repeat it with --receipt-id ${receiptId}, which adds it once`;
  return new ConcordError('Unreachable', { ...details, fix }, { cause: error });
}
