export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'failed' | 'skipped';
  readonly found: string;
  readonly fix?: string;
}

export const ok = (name: string, found: string): Check => ({ name, status: 'ok', found });
export const skipped = (name: string, found: string): Check => ({ name, status: 'skipped', found });
export function failed(name: string, found: string, fix: string): Check {
  return { name, status: 'failed', found, fix };
}

/** Looks at something: ok with what it found, or failed with the reason and the fix. */
export async function attempt(name: string, fix: string, look: () => Promise<string>): Promise<Check> {
  try {
    return ok(name, await look());
  } catch (error) {
    return failed(name, messageOf(error), fix);
  }
}

export function messageOf(error: unknown): string {
  // gRPC's own message begins with a number and a name in capitals.
  if (error instanceof Error && 'details' in error && typeof error.details === 'string') return error.details;
  return error instanceof Error ? error.message : String(error);
}
