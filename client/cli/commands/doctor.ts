import { createRequire } from 'node:module';
import path from 'node:path';
import type { Command } from 'commander';
import { ConcordError } from '../../../domain/errors.ts';
import { type ServiceName, services } from '../../../domain/services.ts';
import { isCompiled, moduleFile } from '../../../platform/compiled.ts';
import { type Output, safe } from '../shared/output.ts';
import { exitCodes } from '../shared/print-error.ts';
import { type Connected, connectTo, type Session } from '../shared/session.ts';
import { findTarget, type Target } from '../shared/target.ts';

/** `doctor` */
export function addDoctor(program: Command, session: Session): void {
  program
    .command('doctor')
    .description('check what is reachable and running, and say what to do')
    .option('--fix', 'register the search attributes that the namespace lacks')
    .addHelpText('after', HELP)
    .action((flags: { readonly fix?: boolean }) => diagnose(flags.fix ?? false, session));
}

const HELP = `
Exits 0 when everything is ok, and 3 otherwise. On a pipe, a line for each check: ok, failed or skipped; its name;
what was found; what to do.

Example:
  $ concord doctor --fix
`;

async function diagnose(mayFix: boolean, session: Session): Promise<void> {
  const { output } = session;
  const target = await findTarget(session.options);
  const checks = await output.during(`looking at ${target.address}`, examine(target, mayFix));
  const ok = checks.every(({ status }) => status === 'ok');
  await output.print({
    document: { ok, address: target.address, namespace: target.namespace, source: target.source, checks },
    rows: checks.map(({ status, name, found, fix }) => [status, name, found, ...(fix ? [fix] : [])]),
    terminal: () => checksText(checks, output),
  });
  session.exitCode = ok ? 0 : exitCodes.unreachable;
}

/** What `doctor` found out about one thing. */
interface Check {
  readonly name: string;
  readonly status: 'ok' | 'failed' | 'skipped';
  readonly found: string;
  readonly fix?: string;
}

async function examine(target: Target, mayFix: boolean): Promise<Check[]> {
  const versions = [nodeVersion(), sdkVersion(), encryption(target)];
  const where = `${target.address}, from ${target.source}`;
  try {
    const connected = await connectTo(target);
    try {
      return [...versions, ...(await examineServer(connected, where, mayFix))];
    } finally {
      await connected.concord.close();
    }
  } catch (error) {
    if (!(error instanceof ConcordError)) throw error;
    const fix = error.code === 'Unreachable' && 'fix' in error.details ? error.details.fix : target.fix;
    const server = failed('temporal', `${where}: does not answer`, fix);
    return [...versions, server, ...skipped('not looked at, because Temporal does not answer')];
  }
}

async function examineServer(connected: Connected, where: string, mayFix: boolean): Promise<Check[]> {
  const { namespaceFix } = await import('../../temporal-failures.ts'); // loads the SDK, which is there by now
  const server = await attempt(
    'temporal',
    () => serverVersion(connected, where),
    `${where}: see its own output`,
  );
  const namespace = await attempt(
    'namespace',
    () => namespaceState(connected),
    namespaceFix(connected.target.address, connected.target.namespace),
  );
  if (namespace.status !== 'ok') {
    const [, ...others] = skipped('not looked at, because the namespace is missing');
    return [server, namespace, ...others];
  }
  const [attributes, ...answers] = await Promise.all([
    examineSearchAttributes(connected, mayFix),
    ...services.map((service) => examineService(service, connected)),
  ]);
  return [server, namespace, attributes, ...answers.flat()];
}

async function serverVersion({ concord }: Connected, where: string): Promise<string> {
  const { serverVersion } = await concord.client.workflowService.getSystemInfo({});
  return `server ${serverVersion} at ${where}`;
}

async function namespaceState({ concord, target: { namespace } }: Connected): Promise<string> {
  const { config } = await concord.client.workflowService.describeNamespace({ namespace });
  const days = Math.round(Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / 86_400);
  return `${namespace}, keeps histories for ${days} ${days === 1 ? 'day' : 'days'}`;
}

/** Orders go on without them, but lists can't ask for orders. */
async function examineSearchAttributes({ concord }: Connected, mayFix: boolean): Promise<Check> {
  try {
    const registered = mayFix ? await concord.register() : [];
    const { missing, otherwise } = await concord.searchAttributes();
    if (otherwise.length > 0)
      return failed(ATTRIBUTES, `of another type: ${otherwise.join(', ')}`, REMOVE_FIX);
    if (missing.length > 0) return failed(ATTRIBUTES, `missing: ${missing.join(', ')}`, REGISTER_FIX);
    const found = registered.length > 0 ? `registered: ${registered.join(', ')}` : 'all there';
    return { name: ATTRIBUTES, status: 'ok', found };
  } catch (error) {
    return failed(
      ATTRIBUTES,
      messageOf(error),
      "add those of domain/search-attributes.ts in your provider's own way",
    );
  }
}

const ATTRIBUTES = 'search attributes';
const REGISTER_FIX = "run `concord doctor --fix`; until then, lists in the Web UI can't tell orders apart";
const REMOVE_FIX =
  'remove them with `temporal operator search-attribute remove --name …`, then run `concord doctor --fix`';

/** A service's worker, and whether it answers: its database has to, then. */
async function examineService(service: ServiceName, connected: Connected): Promise<Check[]> {
  const workerName = `${service} worker`;
  const serviceName = `${service} service`;
  const workerFix = startWorkerFix(service);
  const worker = await attempt(workerName, () => workerState(service, connected), workerFix);
  if (worker.status !== 'ok') {
    return [worker, { name: serviceName, status: 'skipped', found: 'not asked, because it has no worker' }];
  }
  try {
    return [worker, { name: serviceName, status: 'ok', found: await askService(service, connected) }];
  } catch (error) {
    if (isTimeout(error)) {
      const ghost = failed(workerName, `${worker.found}, but takes no task: it may have ended`, workerFix);
      return [ghost, { name: serviceName, status: 'failed', found: 'does not answer' }];
    }
    return [
      worker,
      failed(serviceName, messageOf(error), 'see the log of its worker, and whether its MongoDB runs'),
    ];
  }
}

/** A worker has to poll for tasks of both types. */
async function workerState(service: ServiceName, connected: Connected): Promise<string> {
  const { default: proto } = await import('@temporalio/proto');
  const { TaskQueueType } = proto.temporal.api.enums.v1;
  const [workflows = [], activities = []] = await Promise.all(
    [TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY].map((type) =>
      pollers(service, type, connected),
    ),
  );
  if (workflows.length > 0 && activities.length > 0) {
    return `${workflows.join(', ')} polls task queue ${service}`;
  }
  throw new Error(`nobody polls task queue ${service}`);
}

// A worker asks for tasks at least once a minute; one that has not for longer is gone, though still listed. Milliseconds.
const POLLER_LIFETIME = 90_000;

function startWorkerFix(service: ServiceName): string {
  const file = path.relative('', moduleFile(`../../../workers/${service}`, import.meta.url));
  return isCompiled
    ? `run one: \`node ${file}\``
    : `run \`npm start\`, or this worker alone: \`npx tsx ${file}\``;
}

/** Asks what only the service's database can answer. */
async function askService(service: ServiceName, { concord }: Connected): Promise<string> {
  const questions = { orders: () => concord.list({ limit: 1 }), inventory: () => concord.stock() };
  const started = Date.now();
  await questions[service]();
  return `answers from its database, in ${Date.now() - started} ms`;
}

/** True where nobody has even taken the question. */
function isTimeout(error: unknown): boolean {
  const cause = error instanceof ConcordError && error.code === 'NoAnswer' ? error.cause : undefined;
  return cause instanceof Error && cause.cause instanceof Error && cause.cause.name === 'TimeoutFailure';
}

async function pollers(
  service: ServiceName,
  taskQueueType: number,
  { concord, target: { namespace } }: Connected,
): Promise<string[]> {
  const { pollers } = await concord.client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: service },
    taskQueueType,
  });
  const alive = (pollers ?? []).filter(
    ({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1000 > Date.now() - POLLER_LIFETIME,
  );
  return [...new Set(alive.map(({ identity }) => identity || 'a worker'))];
}

async function attempt(name: string, look: () => Promise<string>, fix: string): Promise<Check> {
  try {
    return { name, status: 'ok', found: await look() };
  } catch (error) {
    return failed(name, messageOf(error), fix);
  }
}

function messageOf(error: unknown): string {
  // gRPC's own message begins with a number and a name in capitals.
  if (error instanceof Error && 'details' in error && typeof error.details === 'string') return error.details;
  return error instanceof Error ? error.message : String(error);
}

function failed(name: string, found: string, fix: string): Check {
  return { name, status: 'failed', found, fix };
}

/** Everything but the server, its namespace first. */
function skipped(found: string): Check[] {
  const ofServices = services.flatMap((name) => [`${name} worker`, `${name} service`]);
  return ['namespace', ATTRIBUTES, ...ofServices].map((name) => ({ name, status: 'skipped', found }));
}

function nodeVersion(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isRecent = major > 20 || (major === 20 && minor >= 19);
  if (isRecent) return { name: 'node', status: 'ok', found: process.versions.node };
  return failed('node', process.versions.node, 'install Node 20.19 or newer');
}

/** By the ids of its keys, which are no secret. */
function encryption({ encryptionKeys: keys }: Target): Check {
  const ids = keys?.map(({ id }) => id).join(', ');
  const found = keys === undefined ? 'off' : `on, with the key ${keys[0].id}; decrypts ${ids}`;
  return { name: 'encryption', status: 'ok', found };
}

function sdkVersion(): Check {
  const manifest: unknown = createRequire(import.meta.url)('@temporalio/client/package.json');
  const found = `@temporalio/client ${(manifest as { version: string }).version}`;
  return { name: 'sdk', status: 'ok', found };
}

function checksText(checks: readonly Check[], { colors }: Output): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const marks = {
    ok: colors.green('ok     '),
    failed: colors.red('failed '),
    skipped: colors.dim('skipped'),
  };
  const indent = ' '.repeat('skipped'.length + width + 4);
  return checks
    .flatMap(({ name, status, found, fix }) => [
      `${marks[status]}  ${name.padEnd(width)}  ${status === 'skipped' ? colors.dim(safe(found)) : safe(found)}`,
      ...(fix === undefined ? [] : [`${indent}${colors.yellow(safe(fix))}`]),
    ])
    .join('\n');
}
