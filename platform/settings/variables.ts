import { z } from 'zod';
import { HOLD_LIMIT, REAP_INTERVAL } from '../../domain/policies.ts';
import { parseKeys } from '../encryption/keys.ts';
import { choice, documented, formed, inFile, integer, optional, readable, readBy, text } from './setting.ts';

export const isSecret = (variable: string) => /_(KEYS?|KEY_DATA|TOKENS?|URI)$/.test(variable);

/** The address of a Temporal server. */
export const address = formed(
  /^(\[[0-9A-Fa-f:.]+\]|[^\s:/@]+)(:\d{1,5})?$/,
  '`host:port`',
  'use host:port, without https:// before it',
).refine((value) => Number(/:(\d+)$/.exec(value)?.[1] ?? 1) <= 65_535, 'use a port from 1 to 65535');
const truth = z
  .stringbool({ truthy: ['true', '1'], falsy: ['false', '0'], case: 'sensitive', error: 'use true or false' })
  .describe('`true`, `false`');
const pem = formed(/-----BEGIN /, 'PEM', 'use PEM text, from -----BEGIN to -----END');
const pemFile = readable('a PEM file');
const keyFile = readable('a PEM file without passphrase');
const issued = formed(/^[\x21-\x7e]+$/, 'what was issued', 'use what was issued, without spaces around it');

/** The variables of Temporal's own environment configuration that Concord honours. */
export const temporalVariables = {
  TEMPORAL_ADDRESS: optional(address, 'the Temporal server', 'the profile, else `localhost:7233`'),
  TEMPORAL_NAMESPACE: optional(text('a name'), 'the namespace on that server', 'the profile, else `default`'),
  TEMPORAL_CONFIG_FILE: optional(
    readable(),
    'profiles, in TOML, as the Temporal CLI writes them',
    "`temporalio/temporal.toml` in the user's configuration",
  ),
  TEMPORAL_PROFILE: optional(text('a name'), 'which of them counts; variables win over it', '`default`'),
  TEMPORAL_API_KEY: optional(issued, 'our key, if the server takes API keys; switches TLS on'),
  TEMPORAL_TLS: optional(truth, 'connect with TLS; any other `TEMPORAL_TLS_…` does so, too', '`false`'),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: optional(pemFile, 'the CA to trust', 'the CAs that Node trusts'),
  TEMPORAL_TLS_SERVER_CA_CERT_DATA: optional(pem, 'the same, as text'),
  TEMPORAL_TLS_SERVER_NAME: optional(text('a host name'), 'the name to verify', 'that of the address'),
  TEMPORAL_TLS_CLIENT_CERT_PATH: optional(pemFile, 'our own certificate, if the server wants one (mTLS)'),
  TEMPORAL_TLS_CLIENT_CERT_DATA: optional(pem, 'the same, as text'),
  TEMPORAL_TLS_CLIENT_KEY_PATH: optional(keyFile, 'the private key of the client certificate'),
  TEMPORAL_TLS_CLIENT_KEY_DATA: optional(pem, 'the same, as text'),
};

const keys = readBy(parseKeys, '`id:key`, with commas between; a key is the base64 of 32 bytes');

export const encryptionVariables = {
  ENCRYPTION_KEYS: optional(keys, 'the first key encrypts payloads, every key decrypts', 'not encrypted'),
  ENCRYPTION_KEYS_FILE: optional(inFile(keys), 'the same from a file, as mounted secrets are'),
};

// Whoever has MongoDB's driver checks the rest.
const uri = text('a connection string');
const database = formed(/^[A-Za-z0-9_-]{1,63}$/, '1 to 63 letters, digits, - and _');
const level = choice(
  ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
  'use trace, debug, info, warn, error or fatal',
);
const seconds = integer(1, 31_536_000, 'whole seconds,').describe('seconds, 1 to 31536000');
const ipAddress = z
  .union([z.ipv4(), z.ipv6()], 'use an IP address, such as 0.0.0.0')
  .describe('an IP address of this machine');
const host = z.string().min(1).describe('an address of this machine');
const port = integer(1, 65_535, 'a port');
const cached = integer(2, 100_000).describe('`MAXIMUM_WORKFLOW_TASKS` to 100000');
const label = (form: RegExp, punctuation: string) => {
  const range = `1 to 100 letters, digits and ${punctuation}`;
  return formed(form, range, `use ${range}, starting with a letter or a digit`);
};
// Temporal itself takes no dot in the name of a deployment.
const deployment = label(/^[A-Za-z0-9][A-Za-z0-9_/-]{0,99}$/, '_ / -');
const build = label(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/, '. _ / -');

/** A service's database. The variables begin with the service's name. */
export const databaseVariables = (name: string) => ({
  [`${name.toUpperCase()}_MONGODB_URI`]: optional(uri, `for \`${name}\`, with its own user`, '`MONGODB_URI`'),
  [`${name.toUpperCase()}_DATABASE`]: documented(database.default(name), `the database of \`${name}\``),
});

/** What a worker reads beside Temporal's own variables and those of its databases. */
export const workerVariables = {
  MONGODB_URI: documented(
    uri.default('mongodb://127.0.0.1:27017'),
    'the MongoDB of both services; with `tls=true&tlsCAFile=…` in it, by TLS',
  ),
  LOG_LEVEL: documented(level.default('info'), 'the lowest level that a worker logs, as lines of JSON'),
  HEALTH_HOST: documented(host.default('127.0.0.1'), 'serves `GET /live`, `/ready` and `/health`'),
  HEALTH_PORT: optional(port, 'at which port', 'not served'),
  METRICS_HOST: documented(ipAddress.default('127.0.0.1'), 'where Prometheus scrapes `GET /metrics`'),
  METRICS_PORT: optional(port, 'at which port', 'no metrics'),
  REAPER_INTERVAL_SECONDS: documented(seconds.default(REAP_INTERVAL / 1_000), 'how often the reaper runs'),
  REAPER_HOLD_LIMIT_SECONDS: documented(seconds.default(HOLD_LIMIT / 1_000), 'the age of a hold it checks'),
  // An activity waits for MongoDB most of its time, so one core keeps this many going.
  MAXIMUM_ACTIVITIES: documented(
    integer(1, 1_000).default(50),
    'activities that run at once; MongoDB connections are one more; see [load and limits](operations.md#load-and-limits)',
  ),
  // These need the processor, and at most two threads run them: the rest are fetched ahead.
  MAXIMUM_WORKFLOW_TASKS: documented(integer(2, 1_000).default(40), 'workflow tasks at once'),
  // An order in the cache takes 1.3 MB, beside 400 MB for the rest of the process, and while a service is down every order
  // waits there. With much memory, the SDK would keep ten times as many.
  CACHED_WORKFLOWS: documented(cached.default(250), 'workflows that stay in memory'),
  // Each takes one task a round trip, which is more than the slots get done.
  MAXIMUM_POLLERS: documented(integer(2, 100).default(10), 'polls of each kind that wait at once, at most'),
  // The names that Temporal's own controller for Kubernetes sets.
  TEMPORAL_DEPLOYMENT_NAME: optional(
    deployment,
    'the deployment that the worker belongs to; see [a new version](changing-a-workflow.md#a-new-version)',
    'no versioning',
  ),
  TEMPORAL_WORKER_BUILD_ID: optional(build, 'the build that the worker runs', 'no versioning'),
};

/** A person or program that may decrypt payloads, and the name that the log has for it. */
export interface Caller {
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
  throw new Error('write each as name:token, the token in 32+ letters, digits, - and _; each name once');
}

function parseOrigins(list: string): string[] {
  const found = itemsOf(list);
  const isOrigin = (item: string) =>
    /^https?:/.test(item) && URL.canParse(item) && new URL(item).origin === item;
  if (found.length > 0 && found.every(isOrigin)) return found;
  throw new Error('use origins such as https://temporal.example.com, with nothing after the port');
}

const itemsOf = (list: string) => list.split(/[\s,]+/).filter(Boolean);

const callers = readBy(parseCallers, '`name:token`, comma-separated; tokens: 32+ letters, digits, `-`, `_`');
const origins = readBy(parseOrigins, 'origins, with commas between');

/** What `concord codec-server` reads beside the encryption keys. */
export const codecServerVariables = {
  CODEC_SERVER_HOST: documented(host.default('127.0.0.1'), 'where the codec server listens'),
  CODEC_SERVER_PORT: documented(port.default(8088), 'at which port'),
  CODEC_SERVER_TOKENS: optional(callers, 'who may decrypt payloads; their names are logged', 'required'),
  CODEC_SERVER_TOKENS_FILE: optional(inFile(callers), 'the same from a file'),
  CODEC_SERVER_ORIGINS: optional(origins, 'the address of the Web UI, whose pages may ask', 'required'),
  CODEC_SERVER_ENCODE: optional(truth, 'callers may also encrypt, for starts in the Web UI', '`false`'),
  CODEC_SERVER_TLS_CERT_PATH: optional(pemFile, 'its certificate: then it speaks HTTPS'),
  CODEC_SERVER_TLS_KEY_PATH: optional(pemFile, "the certificate's private key"),
};

const url = z.url({ protocol: /^https?$/, error: 'use a URL such as http://localhost:4318' });
const collector = url.describe('a URL, such as `http://localhost:4318`');
const collectorPath = url.describe('a URL, such as `http://localhost:4318/v1/traces`');
const protocol = choice(
  ['http/json', 'http/protobuf'],
  'use http/json, and the port at which the collector takes OTLP/HTTP (4318): spans are not sent by gRPC',
);
const exporter = choice(['otlp', 'none'], 'use otlp, which is the only exporter, or none');
const samplers = ['always_on', 'always_off', 'traceidratio'];
const sampler = choice([...samplers, ...samplers.map((name) => `parentbased_${name}`)]);
const propagators = formed(
  /^\s*(none|(tracecontext|baggage)(\s*,\s*(tracecontext|baggage))*)\s*$/,
  '`tracecontext`, `baggage`, `none`',
  'use tracecontext and baggage, one of them, or none',
);
const RATIO = 'use a number from 0 to 1';
const ratio = z.coerce.number(RATIO).min(0, RATIO).max(1, RATIO).describe('0 to 1');

/** OpenTelemetry's variables that may ask for what isn't there: it would take another in silence, and spans be lost. */
export const tracingVariables = {
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(
    collector,
    'where traces go, over OTLP/HTTP; see [traces](operations.md#traces)',
    'no traces',
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: optional(collectorPath, 'the same, with the whole path; wins over it'),
  OTEL_EXPORTER_OTLP_PROTOCOL: optional(
    protocol,
    'how they go: in JSON, which a collector takes wherever it takes protobuf over HTTP; never by gRPC',
    '`http/json`',
  ),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: optional(protocol, 'the same, for traces; wins over it'),
  OTEL_TRACES_EXPORTER: optional(exporter, '`none`: no traces, whatever else is set', '`otlp`'),
  OTEL_SDK_DISABLED: optional(
    text('`true`, `false`'),
    '`true`, also in capitals: no traces, whatever else is set; anything else counts as `false`',
    '`false`',
  ),
  OTEL_TRACES_SAMPLER: optional(sampler, 'which orders are traced', '`parentbased_always_on`'),
  OTEL_TRACES_SAMPLER_ARG: optional(ratio, 'the share of orders, for a sampler by ratio', '`1`'),
  OTEL_PROPAGATORS: optional(propagators, 'how a trace is passed on', '`tracecontext,baggage`'),
};
