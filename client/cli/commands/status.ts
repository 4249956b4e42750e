import type { Command } from 'commander';
import { defined } from '../../../domain/defined.ts';
import type { OrderView } from '../../view.ts';
import { orderId } from '../shared/arguments.ts';
import { fields, type Output, safe } from '../shared/output.ts';
import type { Connected, Session } from '../shared/session.ts';
import { orderUrl } from '../shared/target.ts';
import { coloured, localTime, participantsText, reasonCells } from '../shared/terminal-text.ts';

export function status(command: Command, session: Session): void {
  command
    .description('show where an order stands')
    .argument('<id>', 'the order id', orderId)
    .addHelpText('after', HELP)
    .action(async (id: string) => {
      const view = await session.ask(`looking for order ${id}`, (concord) => concord.status(id));
      await printView(view, await session.connect(), session.output);
    });
}

const HELP = `
Exits 0 for every order that is known, whatever its status. On a pipe each line is a name, a tab and a value.

Example:
  $ concord status 4711
`;

export async function printView(view: OrderView, { target }: Connected, output: Output): Promise<void> {
  const url = orderUrl(target, view.orderId);
  await output.print({
    document: { ...view, ...defined({ url }) },
    rows: viewRows(view, url),
    terminal: () => viewText(view, url, output.colors),
  });
}

function viewText(view: OrderView, url: string | undefined, colors: Output['colors']): string {
  const [firstLine = '', ...otherLines] = view.lines.map(({ sku, quantity }) => safe(`${quantity} × ${sku}`));
  const phase = view.phase === 'unknown' ? 'unknown: the order service does not answer' : view.phase;
  const retrying = view.retrying.map(({ step, attempt, lastError, nextAttemptAt }) => {
    const at = nextAttemptAt === undefined ? '' : ` at ${localTime(nextAttemptAt)}`;
    return colors.yellow(safe(`${step}, attempt ${attempt}${at}: ${lastError}`));
  });
  return fields(colors, [
    ['order', colors.bold(safe(view.orderId))],
    ['status', coloured(view.status, colors)],
    ['phase', view.phase === 'final' ? undefined : phase],
    ['reason', view.reason && safe(view.reason.message)],
    ['customer', safe(view.customerId)],
    ['strategy', view.strategy],
    ['lines', firstLine],
    ...otherLines.map((line) => ['', line] as const),
    ['services', participantsText(view, ', ') || undefined],
    ...retrying.map((text) => ['retrying', text] as const),
    ['placed', localTime(view.placedAt)],
    ['closed', view.closedAt && localTime(view.closedAt)],
    ['web', url && colors.dim(url)],
  ]);
}

function viewRows(view: OrderView, url: string | undefined): string[][] {
  return [
    ['order', view.orderId],
    ['status', view.status],
    ['phase', view.phase],
    ...(view.reason === undefined ? [] : [['reason', ...reasonCells(view.reason)]]),
    ['customer', view.customerId],
    ['strategy', view.strategy],
    ...view.lines.map(({ sku, quantity }) => ['line', sku, String(quantity)]),
    ...Object.entries(view.participants).map(([name, state]) => ['participant', name, state]),
    ...view.retrying.map(({ step, attempt, lastError }) => ['retrying', step, String(attempt), lastError]),
    ['placed', view.placedAt],
    ...(view.closedAt === undefined ? [] : [['closed', view.closedAt]]),
    ...(url === undefined ? [] : [['web', url]]),
  ];
}
