import type { Payload } from '@temporalio/common';
import proto from '@temporalio/proto';
import { z } from 'zod';
import { ConcordError } from '../../domain/errors.ts';
import { EncryptionCodec } from '../encryption/encryption-codec.ts';
import type { EncryptionKeys } from '../encryption/keys.ts';
import type { CodecServerSettings } from '../settings/codec-server.ts';
import { callerOf } from './callers.ts';
import { type Answer, type Asked, JSON_CONTENT, Refusal } from './http.ts';

/** Where payloads are sent to; the namespace before it says nothing new, because keys are the same for all. */
export const SERVED = /^(?:\/[^/]+)?\/(encode|decode)$/;

const { Payloads } = proto.temporal.api.common.v1;
const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);
const payloads = z.object({
  payloads: z
    .array(z.object({ metadata: z.record(z.string(), base64).nullish(), data: base64.nullish() }))
    .max(10_000),
});

/** Serves `/decode` and `/encode`. */
export function createCoding(
  { callers, origins, mayEncode }: CodecServerSettings,
  keys: EncryptionKeys,
): (asked: Asked) => Promise<Answer> {
  const codec = new EncryptionCodec(keys);
  return async ({ method, path, headers, body }) => {
    const [, operation] = SERVED.exec(path) ?? [];
    const { origin } = headers;
    if (origin !== undefined && !origins.includes(origin)) {
      throw new Refusal(403, 'pages of this origin may not ask: CODEC_SERVER_ORIGINS does not list it');
    }
    if (method === 'OPTIONS') return { status: 204, headers: PREFLIGHT };
    if (method !== 'POST') throw new Refusal(405, 'use POST');
    const caller = callerOf(callers, headers);
    if (caller === undefined)
      throw new Refusal(401, 'sign in at the address of this codec server, or send a token');
    if (operation === 'encode' && !mayEncode)
      throw new Refusal(403, 'nobody may encrypt here: CODEC_SERVER_ENCODE is off');
    const read = payloadsIn(await body());
    const coded = await coding(() => codec[operation === 'encode' ? 'encode' : 'decode'](read));
    return {
      status: 200,
      headers: JSON_CONTENT,
      body: JSON.stringify(Payloads.toObject(Payloads.create({ payloads: coded }), { bytes: String })),
      caller: caller.name,
      payloads: coded.length,
    };
  };
}

const PREFLIGHT = {
  'access-control-allow-methods': 'POST',
  // The Web UI sends a second token in `authorization-extras`.
  'access-control-allow-headers': 'content-type, x-namespace, authorization, authorization-extras',
  'access-control-max-age': '600',
};

function payloadsIn(body: string): Payload[] {
  const parsed = payloads.safeParse(parsedJson(body));
  if (!parsed.success)
    throw new Refusal(400, 'send {"payloads": […]}, each with metadata and data in base64');
  return Payloads.fromObject(parsed.data).payloads;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Which key is missing, or fits no more, may be told to whoever may read the rest. */
async function coding(code: () => Promise<Payload[]>): Promise<Payload[]> {
  try {
    return await code();
  } catch (error) {
    throw error instanceof ConcordError ? new Refusal(400, error.message) : error;
  }
}
