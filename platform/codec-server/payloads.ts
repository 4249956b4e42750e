import type { IncomingMessage } from 'node:http';
import proto from '@temporalio/proto';
import { z } from 'zod';
import { ConcordError } from '../../domain/errors.ts';
import type { EncryptionCodec } from '../encryption/encryption-codec.ts';

/** Why a request is not served, and the HTTP status that says so. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export type Operation = 'encode' | 'decode';

const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);
const payload = z.object({ metadata: z.record(z.string(), base64).nullish(), data: base64.nullish() });
const schema = z.object({ payloads: z.array(payload).max(10_000) });

/** Encrypts or decrypts the payloads in a body. @throws Refusal, from which a caller may learn which key is missing. */
export async function codedBody(codec: EncryptionCodec, operation: Operation, request: IncomingMessage) {
  const { Payloads } = proto.temporal.api.common.v1;
  const { payloads } = Payloads.fromObject(payloadsIn(await bodyOf(request)));
  try {
    const coded = await codec[operation](payloads);
    const message = Payloads.create({ payloads: coded });
    return { body: JSON.stringify(Payloads.toObject(message, { bytes: String })), payloads: coded.length };
  } catch (error) {
    throw error instanceof ConcordError ? new Refusal(400, error.message) : error;
  }
}

function payloadsIn(body: string) {
  try {
    return schema.parse(JSON.parse(body));
  } catch {
    throw new Refusal(400, 'send {"payloads": […]}, each with metadata and data in base64');
  }
}

/** Bytes. More than Temporal allows for a page of a history. */
const MAXIMUM_BODY = 8 * 1024 * 1024;

async function bodyOf(request: IncomingMessage): Promise<string> {
  const tooLarge = new Refusal(413, `send at most ${MAXIMUM_BODY} bytes`);
  if (Number(request.headers['content-length']) > MAXIMUM_BODY) throw tooLarge;
  const parts: Buffer[] = [];
  let length = 0;
  // Not by iterating: to leave a loop early would end the connection before the answer is sent.
  return new Promise((resolve, reject) => {
    request.on('data', (part: Buffer) => {
      length += part.length;
      if (length <= MAXIMUM_BODY) return void parts.push(part);
      request.pause();
      reject(tooLarge);
    });
    request.once('end', () => resolve(Buffer.concat(parts).toString('utf8')));
    request.once('error', () => reject(new Refusal(400, 'the request was broken off')));
  });
}
