import { z } from 'zod';
import { services } from '../../domain/services.ts';
import { runServices } from '../../workers/run.ts';
import { activityFaults, faultSettingsSchema } from './activity-faults.ts';
import { shiftClock } from './clock.ts';

// A service's worker as `workers/` runs it, whose clock may be wrong and whose activities meet faults.

const name = z.enum(services).parse(process.argv[2]);
const codePath = z.string().parse(process.argv[3]);
const settings = faultSettingsSchema.parse(JSON.parse(process.env.CHAOS_SETTINGS ?? ''));
shiftClock(settings.clockFile);
// It waits for its servers, which may be away, so there is no better moment to say so.
process.send?.({ ready: true });
await runServices([name], { interceptors: [activityFaults(settings)], workflowBundle: { codePath } });
