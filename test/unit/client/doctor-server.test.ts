import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describeServer, TESTED_FROM } from '../../../client/cli/commands/doctor.ts';

test.each([TESTED_FROM, '1.30.0', '1.31.0-150.0', '1.100.0'])(
  'doctor says from which server on Concord is tested, beside %s',
  (version) => {
    expect(describeServer(version)).toBe(`server ${version} (Concord is tested from ${TESTED_FROM} on)`);
  },
);

test.each(['1.9.9', '1.26.2', '1.29.0'])('doctor says that server %s is older than those', (version) => {
  expect(describeServer(version)).toBe(
    `server ${version} (untested: Concord is tested from ${TESTED_FROM} on)`,
  );
});

test('the docs name the oldest server that is tested, too', () => {
  const page = readFileSync(new URL('../../../docs/deployment.md', import.meta.url), 'utf8');
  expect(page).toContain(`from Temporal Server ${TESTED_FROM} on`);
});
