import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import getPort from 'get-port';
import { invalidInput } from '../../domain/validation.ts';
import { checkWritable, listOf, oneOf, positiveNumber, wholeNumber } from '../measure/options.ts';
import { optionsOrExit, runProgram } from '../measure/program.ts';
import { type StageOptions, setServers, setStage } from '../measure/stage.ts';
import { userTemporal } from '../measure/user-temporal.ts';
import { measureEngine } from './engine.ts';
import { type EngineOptions, parts } from './engine-result.ts';
import { renderEngine } from './engine-tables.ts';
import { FIRST_LOOK, measureGrowth, renderGrowth } from './growth.ts';
import { measureHolds, renderHolds } from './holds.ts';
import { measureLoad, renderLoad } from './load.ts';
import { checkBuild, measureStartUp, renderStartUp } from './start-up.ts';
import { subjects } from './subjects.ts';

const bench = new Command('npm run bench --')
  .description(
    `Measures Concord. Servers are started for it, unless TEMPORAL_ADDRESS and MONGODB_URI name some: there it has a namespace and
databases of its own, which it removes at the end. The workers' own settings (MAXIMUM_ACTIVITIES …) hold here, too.`,
  )
  .exitOverride();

function part<Flags extends object, Result extends object & { readonly problems?: readonly string[] }>(
  command: Command,
  measure: (flags: Flags, program: StageOptions) => Promise<Result>,
  render: (result: Result) => string,
) {
  const run = (flags: Flags & { readonly json?: string }) =>
    runProgram(async (program) => {
      checkWritable('--json', flags.json);
      const result = await measure(flags, { ...program, temporal: await userTemporal() });
      if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(result, null, 2)}\n`);
      console.log(render(result));
      return (result.problems ?? []).length === 0 ? 0 : 1;
    });
  command.option('--json <file>', 'write the result there as JSON, too').action((flags) => void run(flags));
}

const AGAINST = `Concord's strategies against the floor (the same workflow with nothing in it), and against plain workflows with the same
writes: one of the same shape, and a sequential saga; in turns, and everything is a ratio of things measured in the same run`;

for (const [name, description] of [
  ['engine', `${AGAINST}. What is measured where nothing is named.`],
  ['distant', 'The same where Temporal takes 50 ms for each step, as where it is far away.'],
] as const) {
  part(
    bench
      .command(name, { isDefault: name === 'engine' })
      .description(description)
      .option('--orders <number>', 'orders of each measurement', wholeNumber(1), 100)
      .option('--rounds <number>', 'how often all is measured', wholeNumber(1), 3)
      .option('--subjects <names>', `of ${subjects.join(', ')}`, listOf(oneOf(subjects)), [...subjects])
      .option('--parts <names>', `of ${parts.join(', ')}`, listOf(oneOf(parts)), [...parts])
      .option('--at-once <numbers>', 'customers, low load to saturation', listOf(positiveNumber), [1, 10, 50])
      .option('--rates <numbers>', 'orders a second, at a fixed rate', listOf(positiveNumber), [5])
      .option('--profile <directory>', 'write a processor profile of each thread of each worker there'),
    async ({ profile, ...options }: EngineOptions & { readonly profile?: string }, program) => {
      if (name === 'distant' && program.temporal !== undefined) {
        const fix = `only for a server that is started for it; unset ${program.temporal.source}`;
        throw invalidInput(name, fix);
      }
      if (profile !== undefined) mkdirSync(profile, { recursive: true });
      const ports = { orders: await getPort(), inventory: await getPort() };
      const stage = await setStage(
        { ...program, kind: name === 'distant' ? name : undefined },
        {
          workflowsPath: fileURLToPath(new URL('workflows.ts', import.meta.url)),
          nodeArguments: profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`],
          environmentOf: async (service) => ({ METRICS_PORT: String(ports[service]) }),
        },
      );
      // Only a process that ends in good order writes its profile.
      const { orders, inventory } = stage.workers;
      if (profile !== undefined)
        program.cleanUp(async () => void (await Promise.all([orders.stop(), inventory.stop()])));
      const metrics = Object.values(ports).map((port) => `http://127.0.0.1:${port}/metrics`);
      return measureEngine({ ...stage, metrics }, options, program.report.note);
    },
    renderEngine,
  );
}

type Orders = { readonly orders: number };

part(
  bench
    .command('load')
    .description('Many orders at once: whether all of them finish, and the workers stay small.')
    .option('--orders <number>', 'how many orders', wholeNumber(1), 5_000),
  async ({ orders }: Orders, program) => measureLoad(await setStage(program), orders, program.report),
  renderLoad,
);

const growth = `Whether a SKU that every order wants gets larger or slower with them: after ${FIRST_LOOK}, and after all.`;
part(
  bench
    .command('growth')
    .description(growth)
    .option('--orders <number>', 'how many orders', wholeNumber(FIRST_LOOK + 1), 20_000),
  async ({ orders }: Orders, program) => measureGrowth(await setStage(program), orders, program.report),
  renderGrowth,
);

part(
  bench
    .command('holds')
    .description('What an order costs while many others hold units of its SKU and are not settled.')
    .option('--orders <number>', 'how many orders are timed for each number of holds', wholeNumber(1), 30),
  async ({ orders }: Orders, program) => measureHolds(await setServers(program), orders, program.report),
  renderHolds,
);

part(
  bench
    .command('start-up')
    .description('How long a worker takes to start, as `npm run build` makes it and from source.')
    .option('--runs <number>', 'how often each is started', wholeNumber(1), 10),
  async ({ runs }: { readonly runs: number }, program) => {
    checkBuild();
    return measureStartUp(await setServers(program), runs, program.report);
  },
  renderStartUp,
);

optionsOrExit(bench);
