import { z } from 'zod';
import { runServices } from '../../workers/run.ts';
import { activityFaults } from './activity-faults.ts';
import { shiftClock } from './clock.ts';
import { readChaosSettings } from './worker-settings.ts';

// A service's worker as `workers/` runs it, whose clock may be wrong and whose activities meet faults.

const name = z.enum(['orders', 'inventory']).parse(process.argv[2]);
const chaos = readChaosSettings(process.env);
shiftClock(chaos.clockFile);
await runServices([name], {
  interceptors: [activityFaults(chaos)],
  workflowBundle: { codePath: chaos.workflowBundle },
});
