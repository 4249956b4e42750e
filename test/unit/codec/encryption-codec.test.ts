import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import { ConcordError } from '../../../domain/errors.ts';
import { EncryptionCodec, isEncrypted } from '../../../platform/encryption/encryption-codec.ts';
import { parseKeys } from '../../../platform/encryption/keys.ts';

const keyOf = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;
const OLD = keyOf('2026-05');
const NEW = keyOf('2026-11');
const codecOf = (...keys: string[]) => new EncryptionCodec(parseKeys(keys.join(',')));

const ORDER = { orderId: 'o-1', customerId: 'alice', lines: [{ sku: 'MILK-JUG', quantity: 2 }] };
const payloadOf = (value: unknown) => defaultPayloadConverter.toPayload(value) as Payload;
const valueIn = (payload: Payload | undefined) => defaultPayloadConverter.fromPayload(payload as Payload);
const encryptedWith = async (codec: EncryptionCodec, value: unknown) =>
  (await codec.encode([payloadOf(value)]))[0] as Payload;

describe('a payload', () => {
  test.each([ORDER, 'text', 0, null, new Uint8Array([1, 2, 3]), undefined])(
    'comes back as it was, whatever its encoding: %s',
    async (value) => {
      const encrypted = await encryptedWith(codecOf(NEW), value);
      const [decrypted] = await codecOf(NEW).decode([encrypted]);
      expect(valueIn(decrypted)).toEqual(value);
    },
  );

  test('says of itself only that it is encrypted, and with which key', async () => {
    const { metadata, data } = await encryptedWith(codecOf(NEW, OLD), ORDER);
    const texts = Object.entries(metadata ?? {}).map(([name, bytes]) => [
      name,
      Buffer.from(bytes).toString(),
    ]);
    expect(Object.fromEntries(texts)).toEqual({
      encoding: 'binary/encrypted',
      'encryption-key-id': '2026-11',
    });
    expect(Buffer.from(data ?? []).toString('latin1')).not.toMatch(/alice|MILK|json/);
  });

  test('looks different each time', async () => {
    const codec = codecOf(NEW);
    const [one, other] = await codec.encode([payloadOf(ORDER), payloadOf(ORDER)]);
    expect(one?.data).not.toEqual(other?.data);
  });

  test('is left as it is where it is not encrypted, and where there are no keys', async () => {
    const plain = payloadOf(ORDER);
    expect(await codecOf(NEW).decode([plain])).toEqual([plain]);
    expect(await new EncryptionCodec(undefined).encode([plain])).toEqual([plain]);
  });
});

describe('rotation', () => {
  test('a new key comes first, and what the old one has encrypted stays readable', async () => {
    const before = await encryptedWith(codecOf(OLD), ORDER);
    const after = codecOf(NEW, OLD);
    expect(valueIn((await after.decode([before]))[0])).toEqual(ORDER);
    const written = await encryptedWith(after, ORDER);
    await expect(codecOf(OLD).decode([written])).rejects.toThrow(/with the key 2026-11, .* ENCRYPTION_KEYS/);
  });

  test.each([
    ['no keys at all', new EncryptionCodec(undefined)],
    ['others', codecOf(OLD)],
  ])('a key that is not listed is named, and can be mended: %s', async (_, codec) => {
    const encrypted = await encryptedWith(codecOf(NEW), ORDER);
    const error: unknown = await codec.decode([encrypted]).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'UnknownKey', details: { keyId: '2026-11' }, retryable: true });
  });
});

describe('what was changed is refused:', () => {
  const damagedBy = async (change: (payload: Payload) => Payload) => {
    const payload = await encryptedWith(codecOf(NEW), ORDER);
    return codecOf(NEW, OLD)
      .decode([change(payload)])
      .catch((error: unknown) => (error instanceof ConcordError ? error.code : error));
  };
  const withByte = (data: Uint8Array, at: number) =>
    data.map((byte, index) => (index === at ? byte ^ 1 : byte));

  test.each([0, 11, 12, 40, -1])('byte %i', async (position) => {
    const change = ({ metadata, data }: Payload) => {
      const bytes = new Uint8Array(data ?? []);
      return { metadata: metadata ?? {}, data: withByte(bytes, position < 0 ? bytes.length - 1 : position) };
    };
    expect(await damagedBy(change)).toBe('DamagedPayload');
  });

  test('its length', async () => {
    for (const length of [0, 11, 27, 28, 60]) {
      const change = ({ metadata, data }: Payload) => ({
        metadata: metadata ?? {},
        data: new Uint8Array(data ?? []).slice(0, length),
      });
      expect(await damagedBy(change)).toBe('DamagedPayload');
    }
  });

  test('the id of its key, also where both ids have the same key', async () => {
    const secret = randomBytes(32).toString('base64');
    const payload = await encryptedWith(codecOf(`a:${secret}`), ORDER);
    const renamed = { ...payload, metadata: { ...payload.metadata, 'encryption-key-id': Buffer.from('b') } };
    await expect(codecOf(`a:${secret}`, `b:${secret}`).decode([renamed])).rejects.toMatchObject({
      code: 'DamagedPayload',
    });
  });

  test('a key id that a stranger made up is shown short and plain', async () => {
    const metadata = {
      encoding: Buffer.from('binary/encrypted'),
      'encryption-key-id': Buffer.from(`\u001b[31m${'x'.repeat(1_000)}`),
    };
    expect(isEncrypted({ metadata, data: null })).toBe(true);
    const error: unknown = await codecOf(NEW)
      .decode([{ metadata }])
      .catch((caught: unknown) => caught);
    expect((error as ConcordError<'UnknownKey'>).details.keyId).toMatch(/^[?[\]0-9mx]{64}$/);
  });
});
