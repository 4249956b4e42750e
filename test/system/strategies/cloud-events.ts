import { expect } from 'vitest';

/**
 * Checks an event against what CloudEvents 1.0 requires of one in JSON.
 *
 * Source: the specification of CloudEvents, version 1.0.2, "Context Attributes", and its JSON event format.
 */
export function expectCloudEvent(event: unknown): void {
  expect(event).toBeTypeOf('object');
  const { data, ...attributes } = event as Record<string, unknown>;
  expect(data, 'JSON data stand in it as they are').toBeTypeOf('object');
  for (const [name, value] of Object.entries(attributes)) {
    expect(name, 'a name of lower-case letters and digits').toMatch(/^[a-z0-9]{1,20}$/);
    expect(value, `${name} is a non-empty string`).toMatch(/^.+$/s);
    expect(value, `${name} has no control characters`).not.toMatch(/\p{Cc}|\p{Cs}/u);
  }
  const { id, source, specversion, type, time, subject, datacontenttype } = attributes;
  expect({ id, type, subject }).toEqual({ id: TEXT, type: TEXT, subject: TEXT });
  expect(specversion).toBe('1.0');
  expect(source, 'an URI-reference of RFC 3986').toMatch(URI_REFERENCE);
  expect(new URL(String(source), 'https://example.org'), 'one that can be resolved').toBeInstanceOf(URL);
  expect(time, 'a time of RFC 3339').toMatch(RFC_3339);
  expect(Number.isNaN(Date.parse(String(time)))).toBe(false);
  expect(datacontenttype, 'a media type of RFC 2046').toMatch(/^[\w.+-]+\/[\w.+-]+$/);
}

const TEXT = expect.stringMatching(/^.+$/);
const URI_REFERENCE = /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/;
const RFC_3339 =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
