import { type Command, Option } from 'commander';
import { type FinalStatus, finalStatuses } from '../../../domain/order.ts';
import { parseResolveRequest } from '../../../domain/resolution.ts';
import { orderId } from '../shared/arguments.ts';
import { safe } from '../shared/output.ts';
import type { Session } from '../shared/session.ts';
import { coloured, reasonCells } from '../shared/terminal-text.ts';

export function resolve(command: Command, session: Session): void {
  command
    .description('settle an order whose workflow can no longer go on')
    .argument('<id>', 'the order id', orderId)
    .addOption(new Option('--as <status>', 'how it ends').choices(finalStatuses).makeOptionMandatory())
    .option('--reason <text>', 'why, in at most 200 characters')
    .addHelpText('after', HELP)
    .action(async (id: string, request: { readonly as: FinalStatus; readonly reason?: string }) => {
      parseResolveRequest(request);
      session.subject = { orderId: id };
      const { output } = session;
      const outcome = await session.ask(`resolving order ${id}`, (concord) => concord.resolve(id, request));
      await output.print({
        document: outcome,
        rows: [[id, outcome.status, ...reasonCells(outcome.reason)]],
        terminal: () => `order ${output.colors.bold(safe(id))} ${coloured(outcome.status, output.colors)}`,
      });
    });
}

const HELP = `
For an order whose workflow has failed or was terminated, or is gone while its record is pending. Refused where it would
contradict what is durable: confirmed needs every service prepared, the others need none to have committed; what the
workflow had decided stands. Exits 0 when every service has recorded it.

Example:
  $ concord resolve 4711 --as cancelled --reason "customer called"
`;
