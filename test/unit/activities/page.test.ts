import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { expect, test } from 'vitest';
import { bytesOf, PAGE_BYTES, pageOf } from '../../../activities/mongodb/page.ts';
import { EncryptionCodec } from '../../../platform/encryption/encryption-codec.ts';
import { parseKeys } from '../../../platform/encryption/keys.ts';

interface Item {
  readonly id: string;
  readonly text: string;
}

async function* itemsOf(texts: readonly string[]): AsyncGenerator<Item> {
  for (const [index, text] of texts.entries()) yield { id: String(index), text };
}

const idOf = ({ id }: Item) => id;

test('a page has as many items as wanted, and names the last one if there are more', async () => {
  const texts = ['a', 'b', 'c'];
  expect(await pageOf(itemsOf(texts), 2, idOf)).toMatchObject({
    items: [{ id: '0' }, { id: '1' }],
    next: '1',
  });
  const whole = await pageOf(itemsOf(texts), 3, idOf);
  expect(whole.items.map(idOf)).toEqual(['0', '1', '2']);
  expect(whole).not.toHaveProperty('next');
  expect(await pageOf(itemsOf([]), 3, idOf)).toEqual({ items: [] });
});

test('a page is cut before it is larger than an answer may be, in bytes and not in characters', async () => {
  // Three bytes each, as an answer has them.
  const texts = Array.from({ length: 1_000 }, () => '…'.repeat(1_000));
  const page = await pageOf(itemsOf(texts), 1_000, idOf);
  expect(page.items.length).toBeLessThan(PAGE_BYTES / 3_000);
  expect(page.next).toBe(page.items.at(-1)?.id);

  const payload = defaultPayloadConverter.toPayload(page) as Payload;
  const codec = new EncryptionCodec(parseKeys(`key:${randomBytes(32).toString('base64')}`));
  const [encrypted] = await codec.encode([payload]);
  // From there on Temporal warns; at 2 MB it refuses.
  expect(encrypted?.data?.length).toBeLessThan(512 * 1024);
});

test('one item that is larger than a page comes alone, and the others after it', async () => {
  const huge = 'x'.repeat(PAGE_BYTES);
  expect(bytesOf({ id: '1', text: huge })).toBeGreaterThan(PAGE_BYTES);
  const ids = async (texts: string[]) => (await pageOf(itemsOf(texts), 10, idOf)).items.map(idOf);
  expect(await ids(['a', huge, 'b'])).toEqual(['0']);
  expect(await ids([huge, 'b'])).toEqual(['0']);
});
