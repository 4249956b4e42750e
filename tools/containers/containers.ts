import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { Concord } from '../../client/concord.ts';
import { parseOrder } from '../../domain/order.ts';
import { type Strategy, strategies } from '../../domain/strategies.ts';
import { checkAnnouncements } from '../measure/announcement-checker.ts';
import { checkAtRest, problemsOf, type Told } from '../measure/checker.ts';
import { placingBy } from '../measure/load-generator.ts';
import { optionsOrExit, type Program, runProgram } from '../measure/program.ts';
import { untilQuiet } from '../measure/quiet.ts';
import { type Demand, fillShelves, type Shelves } from '../measure/shelves.ts';
import { readState } from '../measure/state.ts';
import { verdictOf } from '../measure/table.ts';
import { step } from '../servers/programs.ts';
import { type ComposeProject, createProject, lackOfEngine } from './compose-project.ts';
import { problemsIn, type Sent, type Shown } from './shown.ts';

async function check({ report, cleanUp }: Program): Promise<string[]> {
  const project = await createProject({ cleanUp });
  report.note(`All belongs to the Compose project ${project.name}, which is removed in the end.`);
  await step(report, 'Building the image', project.build);
  await step(report, 'Starting the containers', project.up);
  // Never closed: the SDK (1.24) throws if a call waits to be repeated on a connection that is closed.
  const concord = await Concord.connect({ connection: { address: project.address } });
  const sent: Sent[] = [];
  await step(report, 'Placing orders by the command line', () => placeByCommandLine(project, sent));
  const shelves = await fillShelves(concord, { prefix: 'shelf', count: 10, lines: 2 });
  const { kill, restart, down, up } = project;
  for (const [fault, strike] of [
    ['Killing the order worker', () => kill('orders')],
    ['Killing the inventory worker', () => kill('inventory')],
    ['Restarting MongoDB', () => restart('mongodb')],
    ['Restarting Temporal', () => restart('temporal')],
    ['Going down and up again', () => down().then(up)],
  ] as const) {
    const work = () => orderDuring(strike, { concord, shelves, sent });
    await step(report, `${fault}, while orders come in`, work);
  }
  return step(report, `Checking ${sent.length} orders`, () => problemsOfAll(project, concord, sent));
}

const SKU = 'lamp';

async function placeByCommandLine({ concord }: ComposeProject, sent: Sent[]): Promise<void> {
  await concord('restock', SKU, '10');
  for (const strategy of strategies) {
    for (const [quantity, expected] of [[1, 'confirmed'] as const, [100, 'rejected'] as const]) {
      const orderId = `${strategy}-${quantity}`;
      const order = parseOrder({ orderId, customerId: 'alice', lines: [{ sku: SKU, quantity }] });
      const flags = ['--order-id', orderId, '--customer', 'alice', '--strategy', strategy];
      const { status } = await concord<Told>('place', '--sku', `${SKU}:${quantity}`, ...flags);
      sent.push({ order, strategy, expected, status });
    }
  }
}

// Milliseconds: after a fault every step is tried again within a minute.
const PATIENCE = 5 * 60_000;

/** Has two customers of each strategy order one thing after the other, until the fault is over and each has an answer. */
async function orderDuring(
  strike: () => Promise<unknown>,
  { concord, shelves, sent }: { concord: Concord; shelves: Shelves; sent: Sent[] },
): Promise<void> {
  let isOver = false;
  const shop = async (strategy: Strategy, demand: Demand) => {
    do {
      const next: Sent = { order: shelves.nextOrder(demand), strategy, expected: 'confirmed' };
      sent.push(next);
      try {
        next.status = await placingBy(concord, strategy).untilFinal(next.order);
      } catch (error) {
        next.error = (error as Error).message;
      }
    } while (!isOver);
  };
  const customers = strategies.flatMap((strategy) => [shop(strategy, 'spread'), shop(strategy, 'hot')]);
  await strike();
  isOver = true;
  await Promise.race([Promise.all(customers), delay(PATIENCE)]);
}

function problemsOfAll(project: ComposeProject, { client }: Concord, sent: readonly Sent[]) {
  return project.withDatabases(async (databases) => {
    const sources = { client, databases };
    await untilQuiet(sources);
    const { checks } = await project.concord<Pick<Shown, 'checks'>>('doctor');
    const orders = await project.concord<Shown['orders']>('list');
    const levels = await project.concord<Shown['levels']>('stock');
    const stuck = await project.concord<Shown['stuck']>('stuck');
    const state = await readState(sources);
    const told = sent.flatMap(({ order, status }) => (status === undefined ? [] : [{ order, status }]));
    return [
      ...problemsIn({ checks, orders, levels, stuck }, sent),
      ...problemsOf([...checkAtRest(state, told), ...checkAnnouncements(state)]),
    ];
  });
}

const MORE = '\nWithout a container engine it says so, and exits 0. It removes what it has started.';

optionsOrExit(
  new Command('npm run test:containers')
    .description('Runs docker-compose.yml under faults, and checks what became of every order.')
    .addHelpText('after', MORE),
);

await runProgram(async (program) => {
  const lack = await lackOfEngine();
  const problems = lack === undefined ? await check(program) : [];
  console.log(lack === undefined ? verdictOf(problems) : `skipped: ${lack}`);
  return problems.length === 0 ? 0 : 1;
});
