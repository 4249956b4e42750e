import { z } from 'zod';
import { runServices } from '../../../workers/run.ts';

// A service's worker as `workers/` runs it, whose first attempt to commit the order `retried` fails.

const name = z.enum(['orders', 'inventory']).parse(process.argv[2]);
const codePath = z.string().parse(process.argv[3]);
await runServices([name], {
  workflowBundle: { codePath },
  interceptors: [
    ({ info }) => ({
      inbound: {
        async execute(input, next) {
          const { workflowExecution, activityType, attempt } = info;
          const fails =
            workflowExecution?.workflowId === 'order/retried' && activityType === 'inventory.commit';
          if (fails && attempt === 1) throw new Error('the database is down');
          return next(input);
        },
      },
    }),
  ],
});
