import type { Command } from 'commander';
import { orderId } from '../shared/arguments.ts';
import { safe } from '../shared/output.ts';
import type { Session } from '../shared/session.ts';

export function retry(command: Command, session: Session): void {
  command
    .description('try the failing steps of an order now, instead of at the next attempt')
    .argument('<id>', 'the order id', orderId)
    .addHelpText('after', HELP)
    .action(async (id: string) => {
      const { output } = session;
      const retried = await session.ask(`looking for order ${id}`, (concord) => concord.retry(id));
      await output.print({
        document: retried,
        rows: retried.steps.map((step) => [id, step]),
        terminal: () => `order ${output.colors.bold(safe(id))}: ${safe(retried.steps.join(', '))} tried now`,
      });
    });
}

const HELP = `
Exits 0 where a step is tried now, and 1 where there is none. On a pipe, a line for each step: order id, step.

Example:
  $ concord retry 4711
`;
