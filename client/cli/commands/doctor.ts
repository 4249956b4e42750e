import type { Command } from 'commander';
import { ConcordError } from '../../../domain/errors.ts';
import { services } from '../../../domain/services.ts';
import { attempt, type Check, failed, skipped } from '../doctor/check.ts';
import { encryption, nodeVersion, sdkVersion } from '../doctor/local.ts';
import { examineAttributes, examineNamespace, examineUpdates, NAMES } from '../doctor/namespace.ts';
import { examineService } from '../doctor/service.ts';
import { type Output, safe } from '../shared/output.ts';
import { exitCodes } from '../shared/print-error.ts';
import { type Connected, connectTo, type Session } from '../shared/session.ts';
import { choiceText, findTarget, type Target } from '../shared/target.ts';

export function doctor(command: Command, session: Session): void {
  command
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

async function examine(target: Target, mayFix: boolean): Promise<Check[]> {
  const local = [nodeVersion(), sdkVersion(), encryption(target)];
  const choice = choiceText(target);
  const where = `${target.address}, from ${target.source}${choice === undefined ? '' : ` (${choice})`}`;
  try {
    const connected = await connectTo(target);
    const checks = examineServer(connected, where, mayFix).finally(() => connected.concord.close());
    return [...local, ...(await checks)];
  } catch (error) {
    if (!(error instanceof ConcordError)) throw error;
    const { fix = target.fix, through }: { fix?: string; through?: string } = error.details;
    const because = 'not looked at, because Temporal does not answer';
    const way = through === undefined ? where : `${where}, through ${through}`;
    const server = failed('temporal', `${way}: does not answer`, fix);
    return [...local, server, skipped('namespace', because), ...allSkipped(because)];
  }
}

async function examineServer(connected: Connected, where: string, mayFix: boolean): Promise<Check[]> {
  const server = await attempt('temporal', `${where}: see its own output`, async () => {
    const { serverVersion } = await connected.concord.client.workflowService.getSystemInfo({});
    return `${describeServer(serverVersion ?? 'of unknown version')} at ${where}`;
  });
  const namespace = await examineNamespace(connected);
  if (namespace.status !== 'ok')
    return [server, namespace, ...allSkipped('not looked at, because the namespace is missing')];
  const [updates, attributes, ...answers] = await Promise.all([
    examineUpdates(connected),
    examineAttributes(connected, mayFix),
    ...services.map((service) => examineService(service, connected)),
  ]);
  return [server, namespace, updates, attributes, ...answers.flat()];
}

/** The oldest server that the tests have passed with; older ones may do. */
export const TESTED_FROM = '1.29.1';

export function describeServer(version: string): string {
  const isOlder = version.localeCompare(TESTED_FROM, 'en', { numeric: true }) < 0;
  return `server ${version} (${isOlder ? 'untested: ' : ''}Concord is tested from ${TESTED_FROM} on)`;
}

/** Everything but the server and its namespace. */
function allSkipped(found: string): Check[] {
  const ofServices = services.flatMap((name) => [`${name} worker`, `${name} service`]);
  return [...NAMES, ...ofServices].map((name) => skipped(name, found));
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
