import proto from '@temporalio/proto';
import { z } from 'zod';
import { ConcordError } from '../../domain/errors.ts';
import type { EncryptionCodec } from '../encryption/encryption-codec.ts';
import { Refusal } from './http.ts';

const { Payloads } = proto.temporal.api.common.v1;
const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);
const schema = z.object({
  payloads: z
    .array(z.object({ metadata: z.record(z.string(), base64).nullish(), data: base64.nullish() }))
    .max(10_000),
});

/**
 * Encrypts or decrypts what a body holds, and says how many payloads that were.
 *
 * @throws Refusal where it is no such body. Which key is missing, or fits no more, may be told to whoever may read the rest.
 */
export async function codedBody(
  codec: EncryptionCodec,
  operation: 'encode' | 'decode',
  body: string,
): Promise<{ body: string; payloads: number }> {
  const { payloads } = Payloads.fromObject(payloadsIn(body));
  try {
    const coded = await codec[operation](payloads);
    const message = Payloads.create({ payloads: coded });
    return { body: JSON.stringify(Payloads.toObject(message, { bytes: String })), payloads: coded.length };
  } catch (error) {
    throw error instanceof ConcordError ? new Refusal(400, error.message) : error;
  }
}

function payloadsIn(body: string): z.output<typeof schema> {
  try {
    return schema.parse(JSON.parse(body));
  } catch {
    throw new Refusal(400, 'send {"payloads": […]}, each with metadata and data in base64');
  }
}
