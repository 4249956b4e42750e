import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Access, serveCodec } from '../../../platform/codec-server/server.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { bundleForEncryption, keyOf } from './encryption.ts';

// Temporal's own Web UI, in a browser. Where this is skipped, install Chromium (Debian: `apt-get install chromium`).

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
];
const TOKEN = 'a'.repeat(32);
const CUSTOMER = 'secret-customer';
// With its metadata, or, from Web UI 2.54 on, only the bytes.
const ENCRYPTED = /binary\/encrypted|YmluYXJ5L2VuY3J5cHRlZA|"[\w+/]{100,}/;

describe.skipIf(CHROMIUM === undefined)('the Web UI', () => {
  let platform: Platform;
  let browser: Browser;
  let context: BrowserContext;
  /** One that the Web UI's pages may ask, and one that others may. */
  let codecServer: string;
  let othersCodecServer: string;
  const accesses: Access[] = [];
  const ends: (() => void)[] = [];

  beforeAll(async () => {
    const encryption = (await bundleForEncryption())(keyOf('2026-11'));
    platform = await startPlatform(undefined, undefined, { encryption });
    const open = async (origin: string) => {
      const server = await serveCodec(
        {
          host: '127.0.0.1',
          port: 0,
          callers: [{ name: 'me', token: TOKEN }],
          origins: [origin],
          mayEncode: false,
          tls: undefined,
        },
        encryption.keys,
        (access) => accesses.push(access),
      );
      ends.push(
        () => server.closeAllConnections(),
        () => server.close(),
      );
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    };
    codecServer = await open(platform.uiUrl);
    othersCodecServer = await open('http://127.0.0.1:1');
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: FLAGS });
    await platform.concord.restock('SECRET-SKU', 5);
    await platform.concord.place({
      orderId: 'shown',
      customerId: CUSTOMER,
      lines: [{ sku: 'SECRET-SKU', quantity: 1 }],
    });
  });

  afterEach(async () => {
    await context.close();
    accesses.length = 0;
  });

  afterAll(async () => {
    await browser.close();
    for (const end of ends) end();
    await platform[Symbol.asyncDispose]();
  });

  /** Opens the order's page in a browser of its own, which asks this codec server, if any. */
  async function openOrder(endpoint?: string): Promise<Page> {
    const page = await context.newPage();
    if (endpoint !== undefined) {
      // What its dialog keeps.
      const kept = { endpoint, includeCredentials: true, overrideRemoteCodecConfiguration: true };
      const lines = Object.entries(kept).map(
        ([name, value]) => `localStorage.setItem('${name}', '${JSON.stringify(value)}');`,
      );
      await page.addInitScript({ content: lines.join('\n') });
    }
    await page.goto(`${platform.uiUrl}/namespaces/${platform.namespace}/workflows/order%2Fshown`);
    return page;
  }

  const textOf = (page: Page) => page.locator('body').innerText();

  /** As a person does who gives both when their browser asks. */
  async function signIn(endpoint: string, token: string): Promise<string> {
    const page = await context.newPage();
    await page.goto(endpoint.replace('://', `://me:${token}@`));
    return textOf(page);
  }

  test('shows what is encrypted as it is, without a codec server', async () => {
    context = await browser.newContext();
    const page = await openOrder();
    await expect.poll(() => textOf(page)).toMatch(ENCRYPTED);
    expect(await textOf(page)).not.toContain(CUSTOMER);
  });

  test('shows it decrypted to whoever has signed in', async () => {
    context = await browser.newContext();
    expect(await signIn(codecServer, TOKEN)).toMatch(/^You are known as me/);
    const page = await openOrder(codecServer);
    await expect.poll(() => textOf(page)).toContain(CUSTOMER);
    expect(accesses).toContainEqual(
      expect.objectContaining({ path: '/decode', status: 200, caller: 'me', origin: platform.uiUrl }),
    );
  });

  test.each([
    ['has not signed in', undefined],
    ['has a wrong token', 'wrong'],
  ])('does not show it to who %s', async (_, token) => {
    context = await browser.newContext();
    // Some browsers show what the refusal says, others that it was one.
    const refusal = /^Give the name and the token|ERR_INVALID_AUTH_CREDENTIALS/;
    if (token !== undefined) expect(await signIn(codecServer, token).catch(String)).toMatch(refusal);
    const page = await openOrder(codecServer);
    await expect.poll(() => accesses.map(({ path, status }) => `${path} ${status}`)).toContain('/decode 401');
    await expect.poll(() => textOf(page)).toMatch(ENCRYPTED);
    expect(await textOf(page)).not.toContain(CUSTOMER);
  });

  test('does not show it where the codec server does not know its origin, even to who has signed in', async () => {
    context = await browser.newContext();
    expect(await signIn(othersCodecServer, TOKEN)).toMatch(/^You are known as me/);
    const page = await openOrder(othersCodecServer);
    await expect.poll(() => accesses.map(({ path, status }) => `${path} ${status}`)).toContain('/decode 403');
    expect(await textOf(page)).not.toContain(CUSTOMER);
    expect(accesses).not.toContainEqual(expect.objectContaining({ path: '/decode', status: 200 }));
  });
});
