import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { FinalStatus } from '../../../domain/order.ts';
import { createProject, lackOfEngine } from '../../../tools/containers/compose-project.ts';
import { problemsIn, type Sent, type Shown } from '../../../tools/containers/shown.ts';
import { createEnding } from '../../../tools/servers/ending.ts';
import { bareMachine, removeDirectory } from '../../system/dev/support.ts';

// What can be told of the check of the containers where none can be run: by a program in the place of `docker`.

const LIMIT = { timeout: 60_000 };
const REMOVAL = 'down --volumes --remove-orphans --timeout 5';
let directory = '';
afterEach(async () => {
  vi.unstubAllEnvs();
  await removeDirectory(directory);
});

/** Nothing on PATH but a `docker` that notes how it is called, and then runs this script. */
async function machineWith(script: string): Promise<void> {
  directory = await bareMachine({ docker: `echo "$*" >> "\${0%/*}/calls"\n${script}` });
}

/** What `docker` was asked for, without the options that name the project. */
async function calls(): Promise<string[]> {
  const noted = await readFile(path.join(directory, 'calls'), 'utf8').catch(() => '');
  const lines = noted.split('\n').filter((line) => line !== '');
  return lines.map((line) => line.replace(/^compose --project-name concord-test-\w+ .* \.env\.example /, ''));
}

function startTool() {
  const run = fileURLToPath(new URL('../../../tools/run.mjs', import.meta.url));
  return execa(process.execPath, [run, 'containers'], {
    reject: false,
    env: { npm_lifecycle_script: undefined },
  });
}

describe('where no containers can be run', () => {
  test('it says why, starts nothing, and is no failure', LIMIT, async () => {
    await machineWith('echo "Cannot connect to the Docker daemon" >&2; exit 1');
    const { exitCode, stdout } = await startTool();
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout:
        'skipped: docker version failed: Cannot connect to the Docker daemon; to use it, start Docker Engine, with Compose v2',
    });
    expect(await calls()).toEqual(['version']);
  });

  test('the reason may be that there is no `docker`, or no `docker compose`', async () => {
    directory = await bareMachine();
    expect(await lackOfEngine()).toMatch(/^there is no docker on PATH; to use it, /);
    await removeDirectory(directory);
    await machineWith(`[ "$1" = version ] || { echo "'compose' is not a docker command" >&2; exit 1; }`);
    expect(await lackOfEngine()).toMatch(/^docker compose failed: 'compose' is not a docker command; /);
  });

  test('an engine with Compose lacks nothing', async () => {
    await machineWith('exit 0');
    expect(await lackOfEngine()).toBeUndefined();
    expect(await calls()).toEqual(['version', 'compose version']);
  });
});

describe('a project', () => {
  const CONFIG = '*" config "*) echo concord-worker:1 ;;';
  const NEW_IMAGE = '"image inspect "*) exit 1 ;;';

  test('whose containers do not start shows what they logged, and is removed', async () => {
    await machineWith(
      `case "$*" in ${CONFIG} ${NEW_IMAGE} *" up "*) echo unhealthy >&2; exit 1 ;; *" logs "*) echo why ;; esac`,
    );
    const { cleanUp, endAll } = createEnding();
    const { build, up } = await createProject({ cleanUp });
    await build();
    await expect(up()).rejects.toThrow(/unhealthy\nwhy/);
    await endAll();
    expect(await calls()).toEqual([
      'config --images worker-image',
      'image inspect concord-worker:1',
      'build',
      'up --detach --wait',
      'logs --no-color --tail 10',
      REMOVAL,
      'image rm concord-worker:1',
    ]);
  });

  test('leaves an image that had been there before', async () => {
    await machineWith(`case "$*" in ${CONFIG} esac`);
    const { cleanUp, endAll } = createEnding();
    const { build } = await createProject({ cleanUp });
    await build();
    await endAll();
    expect((await calls()).at(-1)).toBe(REMOVAL);
  });

  test('has a name, ports and passwords of its own, whatever the environment says', async () => {
    await machineWith(
      'echo "$2 $3 $TEMPORAL_PORT $ORDERS_METRICS_PORT $ORDERS_MONGODB_PASSWORD [$TEMPORAL_WORKER_BUILD_ID]"; exit 1',
    );
    vi.stubEnv('TEMPORAL_PORT', '7233');
    vi.stubEnv('TEMPORAL_WORKER_BUILD_ID', '2');
    const projects = [await createProject(createEnding()), await createProject(createEnding())];
    const said = projects.map(({ down }) => down().then(String, ({ message }: Error) => message));
    const [one = '', other = ''] = await Promise.all(said);
    const words = (text: string) => text.split(' ').slice(-6);
    expect(words(one)).toEqual([
      '--project-name',
      projects[0]?.name,
      projects[0]?.address.split(':')[1],
      expect.stringMatching(/^\d+$/),
      expect.stringMatching(/^[0-9a-f]{48}$/),
      '[]',
    ]);
    expect(words(one).filter((word) => words(other).includes(word))).toEqual(['--project-name', '[]']);
    expect(words(one)).not.toContain('7233');
  });

  test('is removed after Ctrl-C, once what was under way has ended', LIMIT, async () => {
    const building = `trap 'echo ended >> "\${0%/*}/calls"; exit' TERM; while :; do /bin/sleep 0.1; done`;
    await machineWith(`case "$*" in ${CONFIG} ${NEW_IMAGE} *" build") ${building} ;; esac`);
    const tool = startTool();
    await expect.poll(calls, { timeout: 30_000 }).toContain('build');
    tool.kill('SIGINT');
    expect((await tool).exitCode).toBe(130);
    expect((await calls()).slice(-3)).toEqual(['build', 'ended', REMOVAL]);
  });
});

describe('what the command line shows', () => {
  const confirmed = sentOrder('1', 2, 'two-phase', 'confirmed');
  const rejected = sentOrder('2', 100, 'event-driven', 'rejected');
  const level = { sku: 'A', available: 8, reserved: 0, sold: 2, received: 10 };
  const listed: Shown['orders'] = [
    { orderId: '1', status: 'confirmed', strategy: 'two-phase' },
    { orderId: '2', status: 'rejected', strategy: 'event-driven' },
  ];
  const shown: Shown = {
    checks: [{ name: 'temporal', status: 'ok', found: 'it answers' }],
    orders: listed,
    levels: [level],
    stuck: [],
  };

  test('is no problem where it is what customers were told', () => {
    expect(problemsIn(shown, [confirmed, rejected])).toEqual([]);
  });

  const failed = { name: 'orders', status: 'failed', found: 'no worker' } as const;
  const stuck = { orderId: '1', problem: 'retrying', step: 'inventory.commit' } as const;
  test.each<[string, Partial<Shown>, string]>([
    ['a check that fails', { checks: [failed] }, 'doctor: orders: no worker'],
    [
      'an order that is missing',
      { orders: listed.slice(1) },
      '1: told confirmed by two-phase, listed as nothing',
    ],
    [
      'an order of nobody',
      { orders: [...listed, { ...listed[0], orderId: '3' } as never] },
      '3: listed, but never placed',
    ],
    [
      'a unit sold too often',
      { levels: [{ ...level, available: 7, sold: 3 }] },
      'A: available 7, reserved 0, sold 3,',
    ],
    ['a unit on hold', { levels: [{ ...level, reserved: 1 }] }, 'A: available 8, reserved 1,'],
    [
      'a unit that is lost',
      { levels: [{ ...level, available: 7 }] },
      'A: available 7, reserved 0, sold 2, received 10;',
    ],
    ['a document that is damaged', { levels: [{ ...level, damaged: 'no holds' }] }, 'A: no holds;'],
    ['a step that is stuck', { stuck: [stuck] }, '1: stuck: retrying, inventory.commit'],
  ])('is a problem where there is %s', (_what, part, problem) => {
    const problems = problemsIn({ ...shown, ...part }, [confirmed, rejected]);
    expect(problems).toEqual([expect.stringContaining(problem)]);
  });

  test('is a problem where a customer was told something else, something wrong, or nothing', () => {
    const problemsOf = (sent: Sent) => problemsIn(shown, [confirmed, sent]);
    expect(problemsOf({ ...rejected, strategy: 'two-phase' })).toEqual([
      '2: told rejected by two-phase, listed as rejected by event-driven',
    ]);
    expect(problemsOf({ ...rejected, expected: 'confirmed' })).toEqual([
      '2: told rejected, where confirmed is right',
    ]);
    const { status: _, ...unanswered } = rejected;
    expect(problemsOf({ ...unanswered, error: 'gone' })).toEqual(['2: no answer: gone']);
  });
});

function sentOrder(orderId: string, quantity: number, strategy: Sent['strategy'], status: FinalStatus): Sent {
  const order = { orderId, customerId: 'alice', lines: [{ sku: 'A', quantity }] };
  return { order, strategy, expected: status, status };
}
