import { execa } from 'execa';
import { expect } from 'vitest';

/** Checks that a report loads nothing: everything that it shows is in it. */
export function expectSelfContained(page: string): void {
  expect(page).not.toMatch(/<(?:link|img|iframe|script[^>]* src|base)\b/i);
  expect(page).not.toMatch(/@import|url\(|sourceMappingURL/);
  expect(page).toContain("default-src 'none'");
}

/** The JSON that a report holds under this id. */
export function dataIn(page: string, id: string): unknown {
  const [, text = ''] =
    new RegExp(`<script type="application/json" id="${id}">(.*?)</script>`, 's').exec(page) ?? [];
  return JSON.parse(text);
}

/** `npm run compare`, as a user runs it. */
export async function runCompare(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
) {
  const { exitCode, stdout, stderr } = await execa('npm', ['run', '-s', 'compare', '--', ...args], {
    reject: false,
    env,
  });
  return { exitCode, stdout, stderr };
}
