import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { fairnessKeyOf } from '../../../platform/display/order-display.ts';
import { parseKeys } from '../../../platform/encryption/keys.ts';

const newKeys = () => parseKeys(`key:${randomBytes(32).toString('base64')}`);

test('a customer takes turns under its own name, of which Temporal takes 64 bytes', () => {
  expect(fairnessKeyOf('alice')).toBe('alice');
  expect(fairnessKeyOf('a'.repeat(100))).toBe('a'.repeat(64));
});

test('a customer whose orders are encrypted takes turns under a name that only the key can tell', () => {
  const keys = newKeys();
  const name = fairnessKeyOf('alice', keys);
  expect(name).toMatch(/^[\w-]{43}$/);
  expect(fairnessKeyOf('alice', keys)).toBe(name);
  expect(fairnessKeyOf('bob', keys)).not.toBe(name);
  expect(fairnessKeyOf('alice', newKeys())).not.toBe(name);
});
