import type { Command } from 'commander';
import { defined } from '../../../domain/defined.ts';
import { type EventFilter, parseEventFilter } from '../../../domain/order-record.ts';
import type { DeliveryView, OrderEvent } from '../../events.ts';
import { wholeNumber } from '../shared/arguments.ts';
import { Interrupted, interruptible } from '../shared/interrupt.ts';
import { type ItemFormat, type Output, safe } from '../shared/output.ts';
import type { Session } from '../shared/session.ts';
import { localTime } from '../shared/terminal-text.ts';

export function events(command: Command, session: Session): void {
  command
    .description('show what the services have published of orders that are placed event-driven')
    .option('--order <id>', 'only events of this order')
    .option('--limit <number>', 'at most so many of the newest, from 1 to 1000 (default: 20)', wholeNumber)
    .option('--follow', 'go on with new events, and with what becomes of them, until Ctrl-C')
    .addHelpText('after', HELP)
    .action(async ({ follow, order, limit }: { follow?: boolean; order?: string; limit?: number }) => {
      const filter = defined({ orderId: order, limit });
      parseEventFilter(filter);
      if (follow) return followEvents(filter, session);
      const found = await session.ask('looking for events', (concord) => concord.events(filter));
      await session.output.printItems(found, EVENTS);
    });
}

const HELP = `
Exits 0, with --follow on Ctrl-C. On a pipe, a line for each event: time, type, order, source, and then for each
subscriber its name, = and the state. With --follow, an event gets another line when its deliveries have got on; with
--json too, a line for each. The states:
  delivered   the subscriber has handled it
  delivering  it is about to
  retrying    it fails, and is tried again for ever: repair its service, then \`concord retry ID\`
  replaced    it has handled a later event of the order instead, which says all that counts

Examples:
  $ concord events --order 4711
  $ concord events --follow --json
`;

async function followEvents(filter: EventFilter, session: Session): Promise<void> {
  const { output } = session;
  const { concord } = await session.connect();
  const show = (event: OrderEvent) => output.printText(eventText(event, output));
  const printing = output.printEach(concord.followEvents(filter), EVENTS.row, show);
  await interruptible(printing, () => '').catch((error) => {
    if (!(error instanceof Interrupted)) throw error; // Ctrl-C is its only end
  });
}

const EVENTS: ItemFormat<OrderEvent> = {
  row: ({ time, type, orderId, source, deliveries }) => {
    const states = deliveries.map((delivery) => stateText(delivery, '='));
    return [time, type, orderId, source, ...states];
  },
  heads: ['time', 'event', 'order', 'from', 'subscribers'],
  cells: ({ time, type, orderId, source, deliveries }) => {
    const states = deliveries.map((delivery) => stateText(delivery));
    return [localTime(time), type, safe(orderId), source, safe(states.join(', ')) || NOBODY];
  },
  none: 'no events; orders have some that are placed with --strategy event-driven',
};

function eventText({ time, type, orderId, deliveries }: OrderEvent, { colors }: Output): string {
  const states = deliveries.map((delivery) => {
    const text = safe(stateText(delivery));
    return delivery.lastError === undefined ? text : colors.yellow(text);
  });
  // As wide as the longest, `OrderCancelled`.
  const told = states.join(', ') || NOBODY;
  return `${colors.dim(localTime(time))}  ${type.padEnd(14)}  ${colors.bold(safe(orderId))}  ${told}`;
}

const NOBODY = 'nobody subscribes';

function stateText({ subscriber, state, attempt, lastError }: DeliveryView, assign = ' '): string {
  const tried = attempt === undefined ? '' : ` (attempt ${attempt})`;
  return `${subscriber}${assign}${state}${tried}${lastError ? `: ${lastError}` : ''}`;
}
