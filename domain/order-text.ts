import { mailboxIdOf } from './addresses.ts';
import { literal } from './markdown.ts';
import type { Line, Order } from './order.ts';
import type { Receipt } from './stock.ts';
import type { Strategy } from './strategies.ts';

/** An order in one line of Markdown, for lists: at most 400 bytes, which is what Temporal takes. */
export function orderSummary({ customerId, lines }: Order): string {
  return `${linesText(lines, 240)} for ${literal(customerId)}`;
}

export function resolutionSummary({ orderId, lines }: Order): string {
  return `Settles what is left of ${literal(orderId)}: ${linesText(lines, 120)}`;
}

export const restockSummary = (receipt: Receipt): string => `A receipt of ${lineText(receipt)}`;

/** An order as Markdown: at most 20,000 bytes, which is what Temporal takes. */
export function orderDetails(order: Order, strategy: Strategy): string {
  const { orderId, customerId, lines } = order;
  const title = `Order ${literal(orderId)} of customer ${literal(customerId)}, by strategy \`${strategy}\``;
  // The Web UI links no workflow to the one that carries them, so the order names it.
  const where = `workflow ${literal(mailboxIdOf(order))}, or ${literal(`concord events --order ${orderId}`)}`;
  const events = strategy === 'event-driven' ? ['', `Its events: ${where}`] : [];
  return [title, '', ...lines.map((line) => `- ${lineText(line)}`), ...events].join('\n');
}

/** Returns the memo that lists show of an order beside its search attributes: small, because every list carries it. */
export function orderMemo({ customerId, lines }: Order): Readonly<Record<string, unknown>> {
  return { customer: customerId, lines: linesText(lines, 240).replaceAll('`', '') };
}

/** The first lines, as many as fit. */
function linesText(lines: readonly Line[], longest: number): string {
  let text = '';
  for (const [index, line] of lines.entries()) {
    const longer = `${text}${index === 0 ? '' : ', '}${lineText(line)}`;
    if (index > 0 && longer.length > longest) return `${text} and ${lines.length - index} more`;
    text = longer;
  }
  return text;
}

const lineText = ({ sku, quantity }: Line): string => `${quantity} × ${literal(sku)}`;
