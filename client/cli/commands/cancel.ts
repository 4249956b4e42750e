import type { Command } from 'commander';
import { parseCancelRequest } from '../../../domain/place-order.ts';
import { orderId } from '../shared/arguments.ts';
import { safe } from '../shared/output.ts';
import type { Session } from '../shared/session.ts';
import { coloured } from '../shared/terminal-text.ts';

export function cancel(command: Command, session: Session): void {
  command
    .description('cancel an order that is not decided yet')
    .argument('<id>', 'the order id', orderId)
    .option('--reason <text>', 'why, in at most 200 characters', 'cancelled by the customer')
    .addHelpText('after', HELP)
    .action(async (id: string, request: { readonly reason: string }) => {
      parseCancelRequest(request);
      const { output } = session;
      const cancelled = await session.ask(`cancelling order ${id}`, (concord) => concord.cancel(id, request));
      const { status } = cancelled;
      await output.print({
        document: cancelled,
        rows: [[id, status]],
        terminal: () => `order ${output.colors.bold(safe(id))} ${coloured(status, output.colors)}`,
      });
      const noAnswer = 'the order service does not answer: it decides when it is back; see';
      if (status === 'requested') output.note(`${noAnswer} \`concord status ${id}\``);
    });
}

const HELP = `
Exits 0 when the order is cancelled, also where it was before, and 1 when it is too late. While the order service is
down, the cancellation is recorded and decided later: then the status is "requested", and the exit code is 0 as well.

Example:
  $ concord cancel 4711 --reason "ordered twice"
`;
