/** Lets this process import TypeScript: newer Nodes do by themselves, and loading tsx takes longer than most commands. */
export async function acceptTypeScript() {
  // Not in the types of the oldest Node that we support.
  if ('typescript' in process.features && process.features.typescript) return;
  const { register } = await import('tsx/esm/api');
  register();
}
