import { Context } from '@temporalio/activity';
import type { LateHold } from '../activities/inventory/participant.ts';

/** Tells of a hold that came after its order was settled, and was released: in the activity's log, and as a count. */
export function reportLateHold(late: LateHold): void {
  const { log, metricMeter } = Context.current();
  log.warn('a hold came after its order was settled, and was released', { ...late });
  metricMeter
    .createCounter(
      'concord_late_holds',
      '',
      'Holds that came after their order was settled, and were released',
    )
    .add(1);
}
