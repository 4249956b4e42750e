import type { DeliveryView } from '../deliveries.ts';
import { type EventFilter, parseEventFilter } from '../event-filter.ts';
import type { OrderEvent } from '../events.ts';
import { interruptible } from './shared/interrupt.ts';
import { type Output, safe, table } from './shared/output.ts';
import { Interrupted } from './shared/print-error.ts';
import type { Session } from './shared/session.ts';
import { localTime } from './shared/terminal-text.ts';

export interface EventFlags {
  readonly follow?: boolean;
  readonly order?: string;
  readonly limit?: number;
}

/** `events` */
export async function printEvents(
  { follow = false, order, limit }: EventFlags,
  session: Session,
): Promise<void> {
  const filter: EventFilter = {
    ...(order === undefined ? {} : { orderId: order }),
    ...(limit === undefined ? {} : { limit }),
  };
  parseEventFilter(filter);
  if (follow) await followEvents(filter, session);
  else await showEvents(filter, session);
}

async function showEvents(filter: EventFilter, session: Session): Promise<void> {
  const { output } = session;
  const { concord } = await session.connect();
  const events = await output.during('looking for events', concord.events(filter));
  await output.print({
    document: events,
    rows: events.map(eventRow),
    terminal: () => (events.length === 0 ? NO_EVENTS : eventsTable(events, output)),
  });
}

async function followEvents(filter: EventFilter, session: Session): Promise<void> {
  const { output } = session;
  const { concord } = await session.connect();
  const print = async () => {
    for await (const event of concord.followEvents(filter)) {
      if (output.json) output.printLine(event);
      else if (output.isTerminal) output.printText(eventText(event, output));
      else output.printRow(eventRow(event));
      if (output.isClosed) break;
    }
  };
  try {
    await interruptible(print(), () => '');
  } catch (error) {
    // It has no other end.
    if (!(error instanceof Interrupted)) throw error;
  }
}

const NO_EVENTS = 'no events; orders have some that are placed with --strategy event-driven';

function eventRow({ time, type, orderId, source, deliveries }: OrderEvent): string[] {
  return [time, type, orderId, source, ...deliveries.map((delivery) => stateText(delivery, '='))];
}

function eventText(event: OrderEvent, { colors }: Output): string {
  const { time, type, orderId, deliveries } = event;
  const states = deliveries.map((delivery) => colouredState(delivery, colors)).join(', ');
  return `${colors.dim(localTime(time))}  ${type.padEnd(TYPE_WIDTH)}  ${colors.bold(safe(orderId))}  ${states}`;
}

// As wide as the longest, `OrderCancelled`.
const TYPE_WIDTH = 14;

function eventsTable(events: readonly OrderEvent[], { colors }: Output): Promise<string> {
  const rows = events.map(({ time, type, orderId, source, deliveries }) => [
    localTime(time),
    type,
    safe(orderId),
    source,
    safe(deliveries.map((delivery) => stateText(delivery)).join(', ')),
  ]);
  return table(['time', 'event', 'order', 'from', 'subscribers'], rows, colors);
}

function colouredState(delivery: DeliveryView, colors: Output['colors']): string {
  const text = safe(stateText(delivery));
  return delivery.lastError === undefined ? text : colors.yellow(text);
}

function stateText({ subscriber, state, attempt, lastError }: DeliveryView, assign = ' '): string {
  const tried = attempt === undefined ? '' : ` (attempt ${attempt})`;
  return `${subscriber}${assign}${state}${tried}${lastError ? `: ${lastError}` : ''}`;
}
