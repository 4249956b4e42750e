import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { onPath } from '../../../tools/servers/programs.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** What to do where {@link findBrowser} finds none. */
export const INSTALL = `install Chromium (${NAMES.join(', ')} on PATH), or set CHROMIUM to its path`;

/** The program of a Chromium, or nothing where there is none. */
export async function findBrowser(): Promise<string | undefined> {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const name of NAMES) {
    const found = await onPath(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A headless browser that talks to nobody but the pages it opens. */
export function launchBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    // Without a sandbox it starts as root as well, and all that it opens is our own server's.
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking'],
    ],
  });
}

const ARTIFACTS = new URL('../../../artifacts/web-ui/', import.meta.url);
const DOCS = new URL('../../../docs/', import.meta.url);

/**
 * Saves what is seen among the artifacts.
 *
 * @param forDocs The name in `docs/`, where the pictures of docs/web-ui.md are to be made anew.
 */
export async function saveScreenshot(page: Page, name: string, forDocs?: string): Promise<void> {
  await mkdir(ARTIFACTS, { recursive: true });
  await page.screenshot({ path: fileURLToPath(new URL(`${name}.png`, ARTIFACTS)) });
  if (forDocs === undefined || !process.env.DOCS_SCREENSHOTS) return;
  await mkdir(DOCS, { recursive: true });
  await page.screenshot({ path: fileURLToPath(new URL(`${forDocs}.png`, DOCS)) });
}
