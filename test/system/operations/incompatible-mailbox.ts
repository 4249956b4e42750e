import { sleep } from '@temporalio/workflow';
import { mailbox as mailboxOfToday } from '../../../workflows/exchange/mailbox.ts';

export { findOrder, listOrders, placeOrder, resolveOrder, watchOrders } from '../../../workflows/orders.ts';

/** A change that recorded histories don't fit: they have no timer. */
export async function mailbox(...left: Parameters<typeof mailboxOfToday>): Promise<never> {
  await sleep(1);
  return mailboxOfToday(...left);
}
