import type { OrderStatus, Reason } from '../../../domain/order.ts';
import type { OrderView } from '../../view.ts';
import { type Output, safe } from './output.ts';

export function coloured(status: string, colors: Output['colors']): string {
  const color = STATUS_COLORS[status as OrderStatus];
  return color === undefined ? safe(status) : colors[color](status);
}

const STATUS_COLORS = { confirmed: 'green', rejected: 'red', cancelled: 'yellow', pending: 'cyan' } as const;

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

export function participantsText({ participants }: OrderView, separator: string, assign = ' '): string {
  const states = Object.entries(participants).map(([name, state]) => safe(`${name}${assign}${state}`));
  return states.join(separator);
}

export function reasonCells(reason: Pick<Reason, 'code' | 'message'> | undefined): string[] {
  return reason === undefined ? [] : [reason.code, reason.message];
}

/** Shows a time in the reader's own zone: `2025-01-31 13:05:09`. */
export function localTime(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return safe(iso);
  return new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium' }).format(time);
}
