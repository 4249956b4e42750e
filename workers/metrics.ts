import { Context } from '@temporalio/activity';
import type { MetricMeter } from '@temporalio/common';
import type { RuntimeOptions } from '@temporalio/worker';
import type { HoldObserver, LateHold } from '../activities/dependencies.ts';
import type { Skipped } from '../domain/sweeps.ts';
import type { Schedule } from './schedules.ts';
import type { Address } from './settings.ts';

/** Has Prometheus scrape the SDK's own metrics and Concord's at this address. Without one, there are none. */
export function metricsOptions(address: Address | undefined): Required<RuntimeOptions>['telemetryOptions'] {
  if (address === undefined) return {};
  const { host, port } = address;
  const bindAddress = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return {
    metrics: {
      attachServiceName: false,
      prometheus: {
        bindAddress,
        // As Prometheus names them: seconds, units and `_total`.
        countersTotalSuffix: true,
        unitSuffix: true,
        useSecondsForDurations: true,
        histogramBucketOverrides: { concord_order_decision_seconds: DECISION_BUCKETS },
      },
    },
  };
}

// From the quickest decision to past the usual prepare budget, after which an order is refused. Seconds.
const DECISION_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_200];

/** Shows the ages of holds. Of all workers, that with the newest `concord_holds_swept_timestamp_seconds` is right. */
export function holdMetrics(meter: MetricMeter): HoldObserver {
  const gauge = (name: string, description: string) => meter.createGauge(name, 'float', '', description);
  const holds = gauge('concord_holds', 'Orders that hold stock, by how long they have');
  const oldest = gauge('concord_oldest_hold_age_seconds', 'How long the oldest hold has been there');
  const limit = gauge('concord_hold_limit_seconds', 'How old a hold is before the reaper looks at it');
  const swept = gauge('concord_holds_swept_timestamp_seconds', 'When all holds were last looked at');
  return (openedAt, holdLimit) => {
    const now = Date.now();
    const ages = openedAt.map((at) => Math.max(0, now - at.getTime()) / 1_000);
    for (const [age, from, to] of AGES)
      holds.set(ages.filter((seconds) => seconds >= from && seconds < to).length, { age });
    oldest.set(Math.max(0, ...ages));
    limit.set(holdLimit / 1_000);
    swept.set(now / 1_000);
  };
}

// The reaper's limit is 15 minutes by default. Seconds.
const AGES = [
  ['under 1 minute', 0, 60],
  ['1 to 5 minutes', 60, 300],
  ['5 to 15 minutes', 300, 900],
  ['over 15 minutes', 900, Number.POSITIVE_INFINITY],
] as const;

/** Shows how often a sweep should succeed, by the type of its workflow: what its last success is compared with. */
export function showSweepInterval(meter: MetricMeter, { workflowType, interval }: Schedule): void {
  meter
    .createGauge('concord_sweep_interval_seconds', 'float', '', 'How often a sweep should succeed')
    .set(interval / 1_000, { workflowType });
}

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
