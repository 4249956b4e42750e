import { tableOf, verdictOf } from '../measure/text.ts';
import type { GrowthResult, Look } from './measure-growth.ts';

/** The result as people read it. */
export function renderGrowth({ first, last, machine, problems }: GrowthResult): string {
  const row = (name: string, figure: (look: Look) => number, digits = 0) => [
    name,
    figure(first).toFixed(digits),
    figure(last).toFixed(digits),
    (figure(last) / figure(first)).toFixed(2),
  ];
  return [
    'One SKU that every order wants. All orders but two went through the participants straight, without a workflow:',
    'one in ten was rolled back, and one in twenty was rolled back while its prepare still ran.',
    machine,
    '',
    tableOf(
      ['', `after ${first.orders}`, `after ${last.orders}`, 'ratio'],
      [
        row('stock document, bytes', (look) => look.stockBytes),
        row('  the largest seen meanwhile', (look) => look.largestStockBytes),
        row('order document, bytes', (look) => look.orderBytes),
        row('reservation document, bytes', (look) => look.reservationBytes),
        row('history of an order, bytes', (look) => look.historyBytes),
        row('history of an order, events', (look) => look.historyEvents),
        row('prepare + commit on it, ms (median)', (look) => look.hotTime, 2),
        row('prepare + commit on a new SKU, ms', (look) => look.freshTime, 2),
        row('  the one over the other', (look) => look.hotTime / look.freshTime, 2),
      ],
    ),
    '',
    verdictOf(problems),
  ].join('\n');
}
