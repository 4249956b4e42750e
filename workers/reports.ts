import { Context } from '@temporalio/activity';
import type { LateHold } from '../activities/dependencies.ts';
import type { Skipped } from '../domain/sweeps.ts';

// Activities report in their log, and as a count for whoever watches.

/** Reports a hold that came after its order was settled, and was released. */
export function reportLateHold(late: LateHold): void {
  const { log, metricMeter } = Context.current();
  log.warn('a hold came after its order was settled, and was released', { ...late });
  const description = 'Holds that came after their order was settled, and were released';
  metricMeter.createCounter('concord_late_holds', '', description).add(1);
}

/** Reports what a sweep has left alone. */
export function reportSkipped(skipped: Skipped): void {
  const { info, log, metricMeter } = Context.current();
  log.warn('left alone', { ...skipped });
  const description = 'What sweeps have left alone, because something is wrong with it';
  metricMeter.createCounter('concord_skipped', '', description).add(1, { activity_type: info.activityType });
}
