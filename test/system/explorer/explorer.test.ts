import { describe, expect, test } from 'vitest';
import { explore, type Scenario } from './explorer.ts';
import { scenarios } from './scenarios.ts';
import type { Command } from './simulated-database.ts';

test.each(Object.entries(scenarios))(
  'every schedule of %s keeps stock and decision',
  async (name, create) => {
    const { states, ends } = await explore(await create());
    console.log(`${name}: ${states} states, ${ends} of them an end`);
    expect(ends).toBeGreaterThan(0);
  },
);

const LATE = 'a late attempt, and a commit that is told twice';

test('where the database exceeds its time limit, a hold lands late, and is released rather than sold', async () => {
  const { ends } = await explore({ ...(await scenario(LATE)), keepsTimeLimits: false });
  expect(ends).toBeGreaterThan(0);
});

describe('the exploration finds', () => {
  test('an order that is sold twice, where a sale does not name the hold that was voted on', async () => {
    const forgetful = { ...(await scenario(LATE)), keepsTimeLimits: false, mutation: sellingAnyHold };
    await expect(explore(forgetful)).rejects.toThrow(/4 units of A are sold, where 2 were decided/);
  });

  test('an order that holds twice, where a hold does not look for one that is there', async () => {
    const forgetful = without('stock', 'holds.orderId');
    const mutated = { ...(await scenario('two attempts and a rollback')), mutation: forgetful };
    await expect(explore(mutated)).rejects.toThrow();
  });

  test('more holds than there is room for, where a hold does not look for the last place', async () => {
    const forgetful = without('stock', 'holds.0');
    const mutated = {
      ...(await scenario('two orders where there is room for one hold')),
      mutation: forgetful,
    };
    await expect(explore(mutated)).rejects.toThrow(/two orders hold where there is room for one/);
  });

  test('a second decision, where the order service lets it take the place of the first', async () => {
    const mutated = { ...(await scenario('a run and its reset')), mutation: without('orders', 'status') };
    await expect(explore(mutated)).rejects.toThrow();
  });

  test('units that are counted twice, where any entry of a receipt may add them', async () => {
    const mutated = { ...(await scenario('one receipt, reported twice')), mutation: addingForAnyEntry };
    await expect(explore(mutated)).rejects.toThrow(/8 units were counted of a receipt of 4/);
  });
});

async function scenario(name: string): Promise<Scenario> {
  const create = scenarios[name];
  if (create === undefined) throw new Error(`there is no scenario ${name}`);
  return create();
}

/** Leaves a condition out of every write to a collection. */
function without(collection: string, condition: string): (command: Command) => Command {
  return (command) => {
    const [filter, ...rest] = command.args;
    if (command.collection !== collection || command.name !== 'updateOne') return command;
    const left = Object.entries(filter as object).filter(([key]) => key !== condition);
    return { ...command, args: [Object.fromEntries(left), ...rest] };
  };
}

function sellingAnyHold(command: Command): Command {
  return withText(command, 'stock', /,"attempt":\d+}}/, '}}');
}

function addingForAnyEntry(command: Command): Command {
  return withText(
    command,
    'stock',
    /"\$elemMatch":{"receiptId":"r","attempt":\d+}/,
    '"$elemMatch":{"receiptId":"r"}',
  );
}

function withText(command: Command, collection: string, found: RegExp, replacement: string): Command {
  const [filter, ...rest] = command.args;
  const text = JSON.stringify(filter);
  // A filter that names a time can't be written down as text.
  if (command.collection !== collection || !found.test(text) || text.includes('$$NOW')) return command;
  return { ...command, args: [JSON.parse(text.replace(found, replacement)), ...rest] };
}
