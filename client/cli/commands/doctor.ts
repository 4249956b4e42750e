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

export function addDoctor(program: Command, session: Session): void {
  program
    .command('doctor')
    .description('check what is reachable and running, and say what to do')
    .option('--fix', 'register the search attributes that the namespace lacks')
    .addHelpText('after', HELP)
    .action(async ({ fix = false }: { readonly fix?: boolean }) => {
      const { output } = session;
      const target = await findTarget(session.options);
      const { address, namespace, source } = target;
      const checks = await output.during(`looking at ${address}`, examine(target, fix));
      const ok = checks.every(({ status }) => status === 'ok');
      await output.print({
        document: { ok, address, namespace, source, checks },
        rows: checks.map(({ status, name, found, fix }) => [status, name, found, ...(fix ? [fix] : [])]),
        terminal: () => checksText(checks, output),
      });
      session.exitCode = ok ? 0 : exitCodes.unreachable;
    });
}

const HELP = `
Exits 0 when everything is ok, and 3 otherwise. On a pipe, a line for each check: ok, failed or skipped; its name;
what was found; what to do.

Example:
  $ concord doctor --fix
`;

/** What `doctor` found out about one thing. */
interface Check {
  readonly name: string;
  readonly status: 'ok' | 'failed' | 'skipped';
  readonly found: string;
  readonly fix?: string;
}

const ok = (name: string, found: string): Check => ({ name, status: 'ok', found });
const failed = (name: string, found: string, fix: string): Check => ({ name, status: 'failed', found, fix });
const skipped = (name: string, found: string): Check => ({ name, status: 'skipped', found });

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
    const because = 'not looked at, because Temporal does not answer';
    const server = failed('temporal', `${where}: does not answer`, fix);
    return [...versions, server, skipped('namespace', because), ...allSkipped(because)];
  }
}

async function examineServer(connected: Connected, where: string, mayFix: boolean): Promise<Check[]> {
  const { namespaceFix } = await import('../../temporal-failures.ts'); // loads the SDK, which is there by now
  const { concord, target } = connected;
  const serverVersion = async () => {
    const { serverVersion } = await concord.client.workflowService.getSystemInfo({});
    return `server ${serverVersion} at ${where}`;
  };
  const server = await attempt('temporal', serverVersion, `${where}: see its own output`);
  const namespaceMissing = namespaceFix(target.address, target.namespace);
  const namespace = await attempt('namespace', () => namespaceState(connected), namespaceMissing);
  if (namespace.status !== 'ok')
    return [server, namespace, ...allSkipped('not looked at, because the namespace is missing')];
  const [attributes, ...answers] = await Promise.all([
    examineSearchAttributes(connected, mayFix),
    ...services.map((service) => examineService(service, connected)),
  ]);
  return [server, namespace, attributes, ...answers.flat()];
}

/** Everything but the server and its namespace. */
function allSkipped(found: string): Check[] {
  const ofServices = services.flatMap((name) => [`${name} worker`, `${name} service`]);
  return [ATTRIBUTES, ...ofServices].map((name) => skipped(name, found));
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
    return ok(ATTRIBUTES, registered.length > 0 ? `registered: ${registered.join(', ')}` : 'all there');
  } catch (error) {
    return failed(ATTRIBUTES, messageOf(error), ADD_FIX);
  }
}

const ATTRIBUTES = 'search attributes';
const ADD_FIX = "add those of domain/search-attributes.ts in your provider's own way";
const REGISTER_FIX = "run `concord doctor --fix`; until then, lists in the Web UI can't tell orders apart";
const REMOVE_FIX =
  'remove them with `temporal operator search-attribute remove --name …`, then run `concord doctor --fix`';

/** Looks for a service's worker, and asks what only the service's database can answer. */
async function examineService(service: ServiceName, connected: Connected): Promise<Check[]> {
  const { concord } = connected;
  const questions = { orders: () => concord.list({ limit: 1 }), inventory: () => concord.stock() };
  const [workerName, serviceName] = [`${service} worker`, `${service} service`];
  const file = path.relative('', moduleFile(`../../../workers/${service}`, import.meta.url));
  const workerFix = isCompiled
    ? `run one: \`node ${file}\``
    : `run \`npm start\`, or this worker alone: \`npx tsx ${file}\``;
  const worker = await attempt(workerName, () => workerState(service, connected), workerFix);
  if (worker.status !== 'ok') return [worker, skipped(serviceName, 'not asked, because it has no worker')];
  const started = Date.now();
  try {
    await questions[service]();
    return [worker, ok(serviceName, `answers from its database, in ${Date.now() - started} ms`)];
  } catch (error) {
    if (isTimeout(error)) {
      const ghost = failed(workerName, `${worker.found}, but takes no task: it may have ended`, workerFix);
      return [ghost, { name: serviceName, status: 'failed', found: 'does not answer' }];
    }
    const fix = 'see the log of its worker, and whether its MongoDB runs';
    return [worker, failed(serviceName, messageOf(error), fix)];
  }
}

/** True if nobody has even taken the question. */
function isTimeout(error: unknown): boolean {
  const cause = error instanceof ConcordError && error.code === 'NoAnswer' ? error.cause : undefined;
  return cause instanceof Error && cause.cause instanceof Error && cause.cause.name === 'TimeoutFailure';
}

/** Says who polls. A worker has to poll for tasks of both types. */
async function workerState(service: ServiceName, connected: Connected): Promise<string> {
  const { default: proto } = await import('@temporalio/proto');
  const { TaskQueueType } = proto.temporal.api.enums.v1;
  const [workflows, activities] = await Promise.all([
    pollers(service, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, connected),
    pollers(service, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY, connected),
  ]);
  if (workflows.length > 0 && activities.length > 0)
    return `${workflows.join(', ')} polls task queue ${service}`;
  throw new Error(`nobody polls task queue ${service}`);
}

// A worker asks for tasks at least once a minute; one that has not for longer is gone, though listed. Milliseconds.
const POLLER_LIFETIME = 90_000;

async function pollers(name: ServiceName, taskQueueType: number, { concord, target }: Connected) {
  const question = { namespace: target.namespace, taskQueue: { name }, taskQueueType };
  const { pollers } = await concord.client.workflowService.describeTaskQueue(question);
  const alive = (pollers ?? []).filter(
    ({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1000 > Date.now() - POLLER_LIFETIME,
  );
  return [...new Set(alive.map(({ identity }) => identity || 'a worker'))];
}

async function attempt(name: string, look: () => Promise<string>, fix: string): Promise<Check> {
  try {
    return ok(name, await look());
  } catch (error) {
    return failed(name, messageOf(error), fix);
  }
}

function messageOf(error: unknown): string {
  // gRPC's own message begins with a number and a name in capitals.
  if (error instanceof Error && 'details' in error && typeof error.details === 'string') return error.details;
  return error instanceof Error ? error.message : String(error);
}

function nodeVersion(): Check {
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const isRecent = major > 20 || (major === 20 && minor >= 19);
  return isRecent ? ok('node', node) : failed('node', node, 'install Node 20.19 or newer');
}

function sdkVersion(): Check {
  const manifest: unknown = createRequire(import.meta.url)('@temporalio/client/package.json');
  return ok('sdk', `@temporalio/client ${(manifest as { version: string }).version}`);
}

/** Names the keys by their ids, which are no secret. */
function encryption({ encryptionKeys: keys }: Target): Check {
  const ids = keys?.map(({ id }) => id).join(', ');
  return ok('encryption', keys === undefined ? 'off' : `on, with the key ${keys[0].id}; decrypts ${ids}`);
}

function checksText(checks: readonly Check[], { colors }: Output): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const colorOf = { ok: colors.green, failed: colors.red, skipped: colors.dim };
  const indent = ' '.repeat('skipped'.length + width + 4);
  const lines = checks.flatMap(({ name, status, found, fix }) => {
    const mark = colorOf[status](status.padEnd('skipped'.length));
    const shown = status === 'skipped' ? colors.dim(safe(found)) : safe(found);
    const line = `${mark}  ${name.padEnd(width)}  ${shown}`;
    return fix === undefined ? [line] : [line, `${indent}${colors.yellow(safe(fix))}`];
  });
  return lines.join('\n');
}
