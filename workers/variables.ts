import { MongoClient } from 'mongodb';
import { z } from 'zod';
import { weakeningIn } from '../activities/mongodb/client.ts';
import { HOLD_LIMIT, REAP_INTERVAL } from '../domain/policies.ts';
import { faultOf } from '../platform/settings/readable-file.ts';
import { documented, port, wholeNumber } from '../platform/settings/setting.ts';
import { DEFAULT_LIMITS } from './limits.ts';

const uri = z.string().superRefine((value, context) => {
  const message = problemOfUri(value);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});
const database = z.string().regex(/^[A-Za-z0-9_-]{1,63}$/, 'use 1 to 63 letters, digits, - and _');
const DATABASE_RANGE = '1 to 63 letters, digits, - and _';

const YEAR = 365 * 24 * 60 * 60;
const SECONDS_FIX = `use whole seconds, from 1 to ${YEAR}`;
const seconds = () =>
  z.coerce.number(SECONDS_FIX).int(SECONDS_FIX).min(1, SECONDS_FIX).max(YEAR, SECONDS_FIX);
const SECONDS_RANGE = `seconds, 1 to ${YEAR}`;

// Temporal itself takes no dot in the name of a deployment.
const deployment = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_/-]{0,99}$/,
    'use 1 to 100 letters, digits and _ / -, starting with a letter or a digit',
  );
const build = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/,
    'use 1 to 100 letters, digits and . _ / -, starting with a letter or a digit',
  );

/** What a worker reads beside Temporal's own variables. */
export const workerVariables = {
  MONGODB_URI: documented(uri.default('mongodb://127.0.0.1:27017'), {
    purpose: 'the MongoDB of both services; `tls=true&tlsCAFile=…` in it encrypts the way there',
    range: 'a connection string',
    secret: true,
  }),
  ORDERS_MONGODB_URI: documented(uri.optional(), {
    purpose: 'that of the order service, with its own user',
    range: 'a connection string',
    otherwise: '`MONGODB_URI`',
    secret: true,
  }),
  INVENTORY_MONGODB_URI: documented(uri.optional(), {
    purpose: 'that of the inventory service, with its own user',
    range: 'a connection string',
    otherwise: '`MONGODB_URI`',
    secret: true,
  }),
  ORDERS_DATABASE: documented(database.default('orders'), {
    purpose: "the order service's database",
    range: DATABASE_RANGE,
  }),
  INVENTORY_DATABASE: documented(database.default('inventory'), {
    purpose: "the inventory service's database",
    range: DATABASE_RANGE,
  }),
  LOG_LEVEL: documented(
    z
      .enum(
        ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
        'use trace, debug, info, warn, error or fatal',
      )
      .default('info'),
    {
      purpose:
        'from which level on a worker logs: one JSON object a line, with order id, attempt and workflow id',
      range: '`trace`, `debug`, `info`, `warn`, `error`, `fatal`, `silent`',
    },
  ),
  HEALTH_HOST: documented(z.string().min(1).default('127.0.0.1'), {
    purpose: 'where `GET /live`, `/ready` and `/health` are answered',
    range: 'an address of this machine',
  }),
  HEALTH_PORT: documented(port().optional(), {
    purpose: 'at which port',
    range: '1 to 65535',
    otherwise: 'not answered',
  }),
  METRICS_HOST: documented(
    z.union([z.ipv4(), z.ipv6()], 'use an IP address, such as 0.0.0.0').default('127.0.0.1'),
    { purpose: 'where Prometheus scrapes `GET /metrics`', range: 'an IP address of this machine' },
  ),
  METRICS_PORT: documented(port().optional(), {
    purpose: 'at which port',
    range: '1 to 65535',
    otherwise: 'no metrics',
  }),
  REAPER_INTERVAL_SECONDS: documented(seconds().default(REAP_INTERVAL / 1_000), {
    purpose: 'how often holds are looked at that were left behind',
    range: SECONDS_RANGE,
  }),
  REAPER_HOLD_LIMIT_SECONDS: documented(seconds().default(HOLD_LIMIT / 1_000), {
    purpose: 'how old a hold is then',
    range: SECONDS_RANGE,
  }),
  MAXIMUM_ACTIVITIES: documented(wholeNumber(1, 1_000).default(DEFAULT_LIMITS.activities), {
    purpose:
      'activities at once, and MongoDB connections (one more); see [Load and limits](#load-and-limits)',
    range: '1 to 1000',
  }),
  MAXIMUM_WORKFLOW_TASKS: documented(wholeNumber(2, 1_000).default(DEFAULT_LIMITS.workflowTasks), {
    purpose: 'workflow tasks at once',
    range: '2 to 1000',
  }),
  CACHED_WORKFLOWS: documented(wholeNumber(2, 100_000).default(DEFAULT_LIMITS.cachedWorkflows), {
    purpose: 'workflows that stay in memory',
    range: '`MAXIMUM_WORKFLOW_TASKS` to 100000',
  }),
  MAXIMUM_POLLERS: documented(wholeNumber(2, 100).default(DEFAULT_LIMITS.pollers), {
    purpose: 'polls of each kind at once',
    range: '2 to 100',
  }),
  // The names that Temporal's own controller for Kubernetes sets.
  TEMPORAL_DEPLOYMENT_NAME: documented(deployment.optional(), {
    purpose: "the worker's deployment; see [a new version](docs/changing-a-workflow.md#a-new-version)",
    range: '1 to 100 letters, digits and _ / -',
    otherwise: 'no versioning',
  }),
  TEMPORAL_WORKER_BUILD_ID: documented(build.optional(), {
    purpose: 'which build of it this worker runs',
    range: '1 to 100 letters, digits and . _ / -',
    otherwise: 'no versioning',
  }),
};

export const workerEnvironment = z
  .object(workerVariables)
  // Temporal's SDK would lower the tasks in silence.
  .refine((read) => read.CACHED_WORKFLOWS >= read.MAXIMUM_WORKFLOW_TASKS, {
    path: ['CACHED_WORKFLOWS'],
    message: 'use at least MAXIMUM_WORKFLOW_TASKS: each of them needs its workflow in memory',
  })
  .refine((read) => !read.TEMPORAL_DEPLOYMENT_NAME === !read.TEMPORAL_WORKER_BUILD_ID, {
    path: ['TEMPORAL_DEPLOYMENT_NAME'],
    message: 'set it together with TEMPORAL_WORKER_BUILD_ID, or neither of them',
  });

/** In words of our own: the driver's may repeat the connection string, and so the password. */
function problemOfUri(value: string): string | undefined {
  try {
    const { options } = new MongoClient(value);
    for (const [option, file] of Object.entries({
      tlsCAFile: options.tlsCAFile,
      tlsCertificateKeyFile: options.tlsCertificateKeyFile,
    })) {
      const fault = file === undefined ? undefined : faultOf(file);
      if (fault !== undefined) return `its ${option} ${file} ${fault}`;
    }
    return weakeningIn(value);
  } catch {
    return 'use a MongoDB connection string, mongodb://…';
  }
}
