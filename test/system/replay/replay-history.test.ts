import { execa } from 'execa';
import { expect, test } from 'vitest';

test('one recorded history can be replayed by itself, for a debugger', async () => {
  const file = 'test/system/replay/histories/01-confirmed.json';
  const { stdout } = await execa(process.execPath, ['--import', 'tsx', 'tools/replay-history.ts', file]);
  expect(stdout).toContain(`${file} replays against the workflow code of today`);
});
