import { z } from 'zod';
import { HOLD_LIMIT, REAP_INTERVAL } from '../../domain/policies.ts';
import { parseKeys } from '../encryption/keys.ts';
import {
  documented,
  formed,
  inFile,
  optional,
  port,
  readableFile,
  readBy,
  text,
  truth,
  wholeNumber,
} from './setting.ts';

// Every variable that Concord reads, with what checks it, what it is for, and what holds without it.

/** Whether its value must never be shown. */
export const isSecret = (variable: string) => /_(KEYS?|KEY_DATA|TOKENS?|URI)$/.test(variable);

/** Where a Temporal server is. */
export const address = formed(
  /^(\[[0-9A-Fa-f:.]+\]|[^\s:/@]+)(:\d{1,5})?$/,
  '`host:port`',
  'use host:port, without https:// before it',
).refine((value) => Number(/:(\d+)$/.exec(value)?.[1] ?? 1) <= 65_535, 'use a port from 1 to 65535');
const pem = formed(/-----BEGIN /, 'PEM', 'use PEM text, from -----BEGIN to -----END');
const pemFile = readableFile('a PEM file');
const issued = formed(
  /^[\x21-\x7e]+$/,
  'what was issued',
  'use what was issued, without spaces or line breaks around it',
);

/** The variables of Temporal's own environment configuration that Concord honours. */
export const temporalVariables = {
  TEMPORAL_ADDRESS: optional(address, 'the Temporal server', 'the profile, else `localhost:7233`'),
  TEMPORAL_NAMESPACE: optional(text('a name'), 'the namespace on that server', 'the profile, else `default`'),
  TEMPORAL_CONFIG_FILE: optional(
    readableFile(),
    'a file of profiles, in the TOML format of the Temporal CLI',
    "`temporalio/temporal.toml` in the user's configuration",
  ),
  TEMPORAL_PROFILE: optional(
    text('a name'),
    'the profile to use from that file; variables win over it',
    '`default`',
  ),
  TEMPORAL_API_KEY: optional(issued, 'the API key to authenticate with; switches TLS on'),
  TEMPORAL_TLS: optional(
    truth,
    'connect with TLS; any other `TEMPORAL_TLS_…` switches it on as well',
    '`false`',
  ),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: optional(
    pemFile,
    "the CA that must have signed the server's certificate",
    'the CAs that Node trusts',
  ),
  TEMPORAL_TLS_SERVER_CA_CERT_DATA: optional(pem, 'the same, as text'),
  TEMPORAL_TLS_SERVER_NAME: optional(
    text('a host name'),
    "the name to expect in the server's certificate",
    'that of the address',
  ),
  TEMPORAL_TLS_CLIENT_CERT_PATH: optional(
    pemFile,
    'the client certificate, if the server asks for one (mTLS)',
  ),
  TEMPORAL_TLS_CLIENT_CERT_DATA: optional(pem, 'the same, as text'),
  TEMPORAL_TLS_CLIENT_KEY_PATH: optional(
    readableFile('a PEM file without passphrase'),
    'the private key of the client certificate',
  ),
  TEMPORAL_TLS_CLIENT_KEY_DATA: optional(pem, 'the same, as text'),
};

const keys = readBy(parseKeys, '`id:key`, with commas between; a key is the base64 of 32 bytes');

export const encryptionVariables = {
  ENCRYPTION_KEYS: optional(
    keys,
    'encrypt what Temporal stores: the first key encrypts, every key decrypts',
    'not encrypted',
  ),
  ENCRYPTION_KEYS_FILE: optional(inFile(keys), 'the same, read from a file such as a mounted secret'),
};

// What MongoDB makes of it is looked at by those who have its driver.
const uri = text('a connection string');
const database = formed(/^[A-Za-z0-9_-]{1,63}$/, '1 to 63 letters, digits, - and _');
const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const level = z
  .enum(levels, 'use trace, debug, info, warn, error or fatal')
  .describe(levels.map((name) => `\`${name}\``).join(', '));
const seconds = wholeNumber(1, 365 * 24 * 60 * 60, 'seconds');
const ipAddress = z
  .union([z.ipv4(), z.ipv6()], 'use an IP address, such as 0.0.0.0')
  .describe('an IP address of this machine');
const host = z.string().min(1).describe('an address of this machine');
// Temporal itself takes no dot in the name of a deployment.
const deployment = formed(
  /^[A-Za-z0-9][A-Za-z0-9_/-]{0,99}$/,
  '1 to 100 letters, digits and _ / -',
  'use 1 to 100 letters, digits and _ / -, starting with a letter or a digit',
);
const build = formed(
  /^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/,
  '1 to 100 letters, digits and . _ / -',
  'use 1 to 100 letters, digits and . _ / -, starting with a letter or a digit',
);

/** Where a service's database is: its variables begin with the service's name. */
export const databaseVariables = (service: string) => ({
  [`${service.toUpperCase()}_MONGODB_URI`]: optional(
    uri,
    `the MongoDB of the service \`${service}\``,
    '`MONGODB_URI`',
  ),
  [`${service.toUpperCase()}_DATABASE`]: documented(
    database.default(service),
    `the database of the service \`${service}\``,
  ),
});

/** What a worker reads beside Temporal's own variables and those of its databases. */
export const workerVariables = {
  MONGODB_URI: documented(
    uri.default('mongodb://127.0.0.1:27017'),
    'the MongoDB of both services; `tls=true&tlsCAFile=…` in it connects with TLS',
  ),
  LOG_LEVEL: documented(
    level.default('info'),
    'the lowest level that a worker logs; each line is a JSON object with order id, attempt and workflow id',
  ),
  HEALTH_HOST: documented(
    host.default('127.0.0.1'),
    'the address on which a worker answers `GET /live`, `/ready` and `/health`',
  ),
  HEALTH_PORT: optional(port, 'the port of these answers', 'not answered'),
  METRICS_HOST: documented(
    ipAddress.default('127.0.0.1'),
    'the address on which a worker answers `GET /metrics`, for Prometheus',
  ),
  METRICS_PORT: optional(port, 'the port of the metrics', 'no metrics'),
  REAPER_INTERVAL_SECONDS: documented(
    seconds.default(REAP_INTERVAL / 1_000),
    'how often the reaper looks for holds that were left behind',
  ),
  REAPER_HOLD_LIMIT_SECONDS: documented(
    seconds.default(HOLD_LIMIT / 1_000),
    'how old a hold must be for the reaper to ask about it',
  ),
  // An activity waits for MongoDB most of its time, so one core keeps this many going.
  MAXIMUM_ACTIVITIES: documented(
    wholeNumber(1, 1_000).default(50),
    'activities that run at once; MongoDB connections are one more; see [load and limits](operations.md#load-and-limits)',
  ),
  // These need the processor, and there are two threads for them at most: the rest are fetched ahead.
  MAXIMUM_WORKFLOW_TASKS: documented(wholeNumber(2, 1_000).default(40), 'workflow tasks that run at once'),
  // A worker's memory depends on this one: an order in the cache takes 1.3 MB, beside 400 MB for the rest of the process,
  // and while a service is down every order waits there. The SDK would keep ten times as many where there is much memory.
  CACHED_WORKFLOWS: documented(
    wholeNumber(2, 100_000).describe('`MAXIMUM_WORKFLOW_TASKS` to 100000').default(250),
    'workflows that stay in memory between their tasks',
  ),
  // Each takes one task a round trip, which is more than the slots get done.
  MAXIMUM_POLLERS: documented(wholeNumber(2, 100).default(10), 'polls of each kind that wait at once'),
  // The names that Temporal's own controller for Kubernetes sets.
  TEMPORAL_DEPLOYMENT_NAME: optional(
    deployment,
    'the deployment that the worker belongs to; see [a new version](changing-a-workflow.md#a-new-version)',
    'no versioning',
  ),
  TEMPORAL_WORKER_BUILD_ID: optional(build, 'the build that the worker runs', 'no versioning'),
};

/** Someone who may have payloads decrypted. */
export interface Caller {
  /** What the log calls them. */
  readonly name: string;
  readonly token: string;
}

function parseCallers(list: string): Caller[] {
  const found = itemsOf(list).map((entry) => {
    const [, name = '', token = ''] = /^([A-Za-z0-9._@-]{1,64}):([A-Za-z0-9_-]{32,})$/.exec(entry) ?? [];
    return { name, token };
  });
  const names = new Set(found.map(({ name }) => name));
  if (found.length > 0 && !names.has('') && names.size === found.length) return found;
  throw new Error(
    'write each as name:token, the token in 32 or more letters, digits, - and _; each name once',
  );
}

function parseOrigins(list: string): string[] {
  const found = itemsOf(list);
  const isOrigin = (item: string) =>
    /^https?:/.test(item) && URL.canParse(item) && new URL(item).origin === item;
  if (found.length > 0 && found.every(isOrigin)) return found;
  throw new Error(
    'use origins such as https://temporal.example.com, with commas between and nothing after the port',
  );
}

const itemsOf = (list: string) => list.split(/[\s,]+/).filter(Boolean);

const callers = readBy(
  parseCallers,
  '`name:token`, with commas between; a token has 32 or more letters, digits, `-` and `_`',
);

/** What `concord codec-server` reads beside the encryption keys. */
export const codecServerVariables = {
  CODEC_SERVER_HOST: documented(host.default('127.0.0.1'), 'the address on which the codec server listens'),
  CODEC_SERVER_PORT: documented(port.default(8088), 'the port on which it listens'),
  CODEC_SERVER_TOKENS: optional(
    callers,
    'who may have payloads decrypted: the codec server logs the name and checks the token',
    'required',
  ),
  CODEC_SERVER_TOKENS_FILE: optional(inFile(callers), 'the same, read from a file'),
  CODEC_SERVER_ORIGINS: optional(
    readBy(parseOrigins, 'origins, with commas between'),
    'the origins whose pages may ask: where the Web UI is',
    'required',
  ),
  CODEC_SERVER_ENCODE: optional(
    truth,
    'let callers encrypt as well, to start workflows from the Web UI',
    '`false`',
  ),
  CODEC_SERVER_TLS_CERT_PATH: optional(pemFile, 'the certificate; the codec server then speaks HTTPS'),
  CODEC_SERVER_TLS_KEY_PATH: optional(pemFile, "the certificate's private key"),
};
