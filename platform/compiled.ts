import { fileURLToPath } from 'node:url';

// Code finds its own files by these, in a checkout and in what `npm run build` makes of it.

/** Whether this is what `npm run build` has made, and not the sources. */
export const isCompiled = import.meta.url.endsWith('.js');

/**
 * The file of a module that is not imported: its path, without extension.
 *
 * @param base `import.meta.url` of who asks.
 */
export function moduleFile(relative: string, base: string): string {
  return fileURLToPath(new URL(`${relative}${isCompiled ? '.js' : '.ts'}`, base));
}

/** What Node needs to run a module of this kind, before its file. */
export function nodeArguments(): readonly string[] {
  return isCompiled ? [] : ['--import', import.meta.resolve('tsx')];
}
