import { fileURLToPath } from 'node:url';

/** Whether this is the output of `npm run build`, and not the sources. */
export const isCompiled = import.meta.url.endsWith('.js');

/** The file of a module that is not imported, in sources or build. @param relative Its path, without extension. */
export function moduleFile(relative: string, base: string): string {
  return fileURLToPath(new URL(`${relative}${isCompiled ? '.js' : '.ts'}`, base));
}

/** The arguments that Node needs before the file of such a module. */
export function nodeArguments(): readonly string[] {
  return isCompiled ? [] : ['--import', import.meta.resolve('tsx')];
}
