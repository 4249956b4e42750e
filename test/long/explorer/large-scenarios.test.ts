import { expect, test } from 'vitest';
import { explore } from '../../system/explorer/explorer.ts';
import { largeScenarios } from '../../system/explorer/scenarios.ts';

test.each(Object.entries(largeScenarios))(
  'every schedule of %s keeps stock and decision',
  async (name, create) => {
    const { states, ends } = await explore(await create());
    console.log(`${name}: ${states} states, ${ends} of them an end`);
    expect(ends).toBeGreaterThan(0);
  },
  600_000,
);
