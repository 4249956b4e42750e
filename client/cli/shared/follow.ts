import type { Progress } from './output.ts';
import type { Connected } from './session.ts';
import { waitingText } from './terminal-text.ts';

/** Looks now and then at an order that somebody waits for, and says why it takes so long. */
export function follow(
  { concord }: Connected,
  currentOrder: () => string | undefined,
  progress: Progress,
): { stop(): void; hasSeen(): boolean } {
  let isStopped = false;
  let hasSeen = false;
  let lastOrder: string | undefined;
  let timer = setTimeout(look, FOLLOW_INTERVAL);
  async function look(): Promise<void> {
    const orderId = currentOrder();
    try {
      const view = orderId === undefined ? undefined : await concord.status(orderId);
      if (isStopped) return;
      hasSeen ||= view !== undefined;
      // An order that is met twice takes long enough to be worth a line.
      if (view !== undefined && view.phase !== 'final') {
        if (orderId === lastOrder) progress.report(waitingText(view));
        else progress.update(waitingText(view));
      }
      lastOrder = orderId;
    } catch {
      // Whoever waits for the order learns of it soon enough.
    }
    if (!isStopped) timer = setTimeout(look, FOLLOW_INTERVAL);
  }
  return {
    hasSeen: () => hasSeen,
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

/** How often the order that is waited for is looked at. Milliseconds. */
const FOLLOW_INTERVAL = 1_500;
