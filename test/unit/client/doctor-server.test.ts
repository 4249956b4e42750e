import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describeServer, TESTED_FROM } from '../../../client/cli/commands/doctor.ts';

const read = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');

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

test('the docs name the oldest server that is tested', () => {
  expect(read('docs/deployment.md')).toContain(`tested with Temporal Server ${TESTED_FROM}`);
});
