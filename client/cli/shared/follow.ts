import type { Progress } from './output.ts';
import type { Connected } from './session.ts';
import { waitingText } from './terminal-text.ts';

/** How often to look at the order that is waited for. Milliseconds. */
const FOLLOW_INTERVAL = 1_500;

/** Looks now and then at an order that somebody waits for, and says why it takes so long, until it is stopped. */
export function follow({ concord }: Connected, currentOrder: () => string | undefined, progress: Progress) {
  let isStopped = false;
  let hasSeen = false;
  let lastOrder: string | undefined;
  let timer = setTimeout(look, FOLLOW_INTERVAL);
  async function look(): Promise<void> {
    const orderId = currentOrder();
    // If it fails, whoever waits for the order learns of it soon enough.
    const view = orderId === undefined ? undefined : await concord.status(orderId).catch(() => undefined);
    if (isStopped) return;
    hasSeen ||= view !== undefined;
    // An order that is met twice takes long enough to be worth a line.
    if (view !== undefined && view.phase !== 'final') {
      if (orderId === lastOrder) progress.report(waitingText(view));
      else progress.update(waitingText(view));
    }
    lastOrder = orderId;
    timer = setTimeout(look, FOLLOW_INTERVAL);
  }
  const stop = () => {
    isStopped = true;
    clearTimeout(timer);
    progress.stop();
  };
  return { hasSeen: () => hasSeen, stop };
}
