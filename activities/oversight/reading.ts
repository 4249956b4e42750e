import type { Client } from '@temporalio/client';
import { type ProtoFailure, ValueError } from '@temporalio/common';
import { decodeOptionalFailureToOptionalError } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { ConcordError } from '../../domain/errors.ts';

/** What an attempt has failed with, in its own words; where they are encrypted with a key that is not here, that. */
export async function messageOf(client: Client, failure: ProtoFailure | null | undefined): Promise<string> {
  try {
    const error = await decodeOptionalFailureToOptionalError(client.options.loadedDataConverter, failure);
    return error?.message ?? '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Anyone can start a workflow with what nobody can read: it says that it is JSON, or encrypted, and isn't. */
export function isUnreadable(error: unknown): boolean {
  if (error instanceof ConcordError) return error.code === 'UnknownKey' || error.code === 'DamagedPayload';
  return error instanceof ValueError;
}
