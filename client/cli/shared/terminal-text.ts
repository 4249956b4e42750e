import type { Line, OrderStatus, Reason } from '../../../domain/order.ts';
import type { OrderView } from '../../view.ts';
import { fields, type Output, safe } from './output.ts';

type Colors = Output['colors'];

/** A status in its colour. */
export function coloured(status: string, colors: Colors): string {
  const color = STATUS_COLORS[status as OrderStatus];
  return color === undefined ? safe(status) : colors[color](status);
}

const STATUS_COLORS = { confirmed: 'green', rejected: 'red', cancelled: 'yellow', pending: 'cyan' } as const;

/** Lines as `place --sku` takes them. */
export function linesText(lines: readonly Line[]): string {
  return lines.map(({ sku, quantity }) => `${sku}:${quantity}`).join(',');
}

/** What an order is waiting for, in one line, for whoever waits with it. */
export function waitingText(view: OrderView): string {
  const { orderId, phase, retrying } = view;
  if (phase === 'unknown')
    return safe(`order ${orderId} is accepted and waits: the order service does not answer`);
  const steps = retrying.map(
    ({ step, attempt, lastError }) => `${step} is tried again (attempt ${attempt}; last error: ${lastError})`,
  );
  const services = participantsText(view, ', ');
  const where = services === '' ? PHASES[phase] : `${PHASES[phase]} (${services})`;
  return safe([`order ${orderId}: ${where}`, ...steps].join('; '));
}

const PHASES = {
  preparing: 'preparing',
  committing: 'confirmed, telling the services',
  'rolling-back': 'refused, releasing what was held',
  final: 'done',
  failed: 'stopped on an error',
} as const;

/** Where an order stands, as a terminal shows it. */
export function viewText(view: OrderView, url: string | undefined, colors: Colors): string {
  const [firstLine, ...otherLines] = view.lines.map(({ sku, quantity }) => safe(`${quantity} × ${sku}`));
  const participants = participantsText(view, ', ');
  return fields(
    [
      ['order', colors.bold(safe(view.orderId))],
      ['status', coloured(view.status, colors)],
      ...(view.phase === 'final' ? [] : [['phase', phaseText(view.phase)] as const]),
      ...(view.reason === undefined ? [] : [['reason', safe(view.reason.message)] as const]),
      ['customer', safe(view.customerId)],
      ['strategy', view.strategy],
      ['lines', firstLine ?? ''],
      ...otherLines.map((line) => ['', line] as const),
      ...(participants === '' ? [] : [['services', participants] as const]),
      ...view.retrying.map(
        ({ step, attempt, lastError, nextAttemptAt }) =>
          [
            'retrying',
            colors.yellow(
              safe(
                `${step}, attempt ${attempt}${nextAttemptAt ? ` at ${localTime(nextAttemptAt)}` : ''}: ${lastError}`,
              ),
            ),
          ] as const,
      ),
      ['placed', localTime(view.placedAt)],
      ...(view.closedAt === undefined ? [] : [['closed', localTime(view.closedAt)] as const]),
      ...(url === undefined ? [] : [['web', colors.dim(url)] as const]),
    ],
    colors,
  );
}

/** Where an order stands, as a pipe gets it: a name, a tab, and its value. */
export function viewRows(view: OrderView, url: string | undefined): string[][] {
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

/** A change of an order, as `watch` prints it on a pipe. */
export function changeRow(view: OrderView): string[] {
  const retrying = view.retrying.map(
    ({ step, attempt, lastError }) => `retrying ${step}, attempt ${attempt}: ${lastError}`,
  );
  const because = view.reason === undefined ? [] : reasonCells(view.reason);
  const services = participantsText(view, ' ', '=');
  return [
    new Date().toISOString(),
    view.status,
    view.phase,
    view.strategy,
    ...[services, ...because, ...retrying].filter((cell) => cell !== ''),
  ];
}

/** A reason as cells of a row: its code and its message. */
export function reasonCells(reason: Reason | undefined): string[] {
  return reason === undefined ? [] : [reason.code, reason.message];
}

/** A time for people, in their own zone: `2025-01-31 13:05:09`. */
export function localTime(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return safe(iso);
  return new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium' }).format(time);
}

function participantsText({ participants }: OrderView, separator: string, assign = ' '): string {
  return Object.entries(participants)
    .map(([name, state]) => safe(`${name}${assign}${state}`))
    .join(separator);
}

function phaseText(phase: OrderView['phase']): string {
  return phase === 'unknown' ? 'unknown: the order service does not answer' : phase;
}
