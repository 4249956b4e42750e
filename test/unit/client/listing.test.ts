import { expect, onTestFinished, test, vi } from 'vitest';
import { Output } from '../../../client/cli/shared/output.ts';
import { printListing } from '../../../client/cli/shared/pages.ts';
import type { Session } from '../../../client/cli/shared/session.ts';
import { ConcordError } from '../../../domain/errors.ts';

test('what --json has printed of a list before an error is JSON, and the error is the command’s', async () => {
  const failure = new ConcordError('NoAnswer', { service: 'orders', fix: 'start it' });
  let printed = '';
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  onTestFinished(() => spy.mockRestore());
  const output = new Output({ json: true, verbose: false });
  const session = { output, connect: async () => ({}) } as Session;
  const listing = {
    format: { row: () => [], heads: [], cells: () => [], none: '' },
    ...{ noun: 'items', question: 'asking', idOf: String },
    async *items() {
      yield 1;
      yield 2;
      throw failure;
    },
  };
  await expect(printListing(session, {}, listing)).rejects.toBe(failure);
  expect(JSON.parse(printed)).toEqual([1, 2]);
});
