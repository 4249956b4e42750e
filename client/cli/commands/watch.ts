import type { Command } from 'commander';
import type { OrderView } from '../../view.ts';
import { orderId } from '../shared/arguments.ts';
import { interruptible } from '../shared/interrupt.ts';
import { exitCodes } from '../shared/print-error.ts';
import type { Session } from '../shared/session.ts';
import { participantsText, reasonCells, waitingText } from '../shared/terminal-text.ts';
import { printView } from './status.ts';

export function watch(command: Command, session: Session): void {
  command
    .description('follow an order until it is final')
    .argument('<id>', 'the order id', orderId)
    .addHelpText('after', HELP)
    .action(async (id: string) => {
      session.subject = { orderId: id };
      const connected = await session.connect();
      const { output } = session;
      const progress = await output.progress(`looking for order ${id}`);
      const show = (view: OrderView) => progress.update(waitingText(view));
      const changes = output.printEach(connected.concord.watch(id), changeRow, show);
      const farewell = `stopped watching; order ${id} goes on: see it with \`concord status ${id}\``;
      const last = await interruptible(changes, () => farewell).finally(() => progress.stop());
      if (last !== undefined && output.isTerminal) await printView(last, connected, output);
      if (last?.phase === 'final' && last.status === 'confirmed') return;
      session.exitCode = output.isClosed ? 0 : exitCodes.refused;
    });
}

const HELP = `
Exits 0 if the order is confirmed and 1 if it ended otherwise. Ctrl-C stops watching (130), and the order goes on.
On a pipe, a line for each change: time, status, phase, strategy, what each service has done, reason or what is retried.

Example:
  $ concord watch 4711
`;

function changeRow(view: OrderView): string[] {
  const retrying = view.retrying.map(
    ({ step, attempt, lastError }) => `retrying ${step}, attempt ${attempt}: ${lastError}`,
  );
  const details = [participantsText(view, ' ', '='), ...reasonCells(view.reason), ...retrying];
  return [new Date().toISOString(), view.status, view.phase, view.strategy, ...details.filter(Boolean)];
}
