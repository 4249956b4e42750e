import { Context } from '@temporalio/activity';
import type { Skipped } from '../domain/sweeps.ts';

/** Tells of what an activity has left alone: in its log, and to whoever watches the count. */
export function reportSkipped(skipped: Skipped): void {
  const { info, log, metricMeter } = Context.current();
  log.warn('left alone', { ...skipped });
  metricMeter
    .createCounter('concord_skipped', '', 'What sweeps have left alone, because something is wrong with it')
    .add(1, { activity_type: info.activityType });
}
