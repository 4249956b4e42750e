import { expect, test } from 'vitest';
import { createOutboxes } from '../../../activities/exchange/outbox.ts';
import type { Post } from '../../../activities/exchange/post.ts';
import { type Announcement, announcementOfOrders } from '../../../domain/announcements.ts';
import { requestOf } from '../../support/requests.ts';

const request = requestOf('order', [{ sku: 'SKU', quantity: 1 }], 'run', 'event-driven');

/** Publishes what is left behind of an outbox, and returns its types. @param ages In seconds, by their writers' clocks. */
async function publishedOf(ages: readonly [placed: number, confirmed: number]): Promise<string[]> {
  const outbox = (['prepare', 'commit'] as const).map((occurrence, index) => {
    const time = new Date(Date.now() - (ages[index] ?? 0) * 1_000).toISOString();
    return { ...announcementOfOrders(occurrence, request), time };
  });
  const published: string[] = [];
  const post = {
    lacking: async (announcements: readonly Announcement[]) => announcements,
    publish: async ({ type }: Announcement) => void published.push(type),
  } as unknown as Post;
  const documents = { find: () => [{ _id: 'order', outbox }] } as unknown as Parameters<
    typeof createOutboxes
  >[0];
  await createOutboxes(documents, { post, report: () => {} }).publishLeftBehind();
  return published;
}

test.each([
  ['what is old', [180, 150], ['OrderPlaced', 'OrderConfirmed']],
  ['not what may be on its way', [130, 110], ['OrderPlaced']],
  ['in order, also if the clock of the first writer was fast', [110, 130], ['OrderPlaced', 'OrderConfirmed']],
  ['nothing that is young', [20, 10], []],
] as const)('of an outbox, it is published again: %s', async (_, ages, types) => {
  expect(await publishedOf(ages)).toEqual(types);
});
