import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import { type MongoError, MongoServerError, MongoServerSelectionError } from 'mongodb';
import { temporalTrouble } from '../platform/connection/temporal-trouble.ts';
import { tlsTrouble } from '../platform/connection/tls-trouble.ts';

/** Connects to Temporal. @throws Error saying what to do, as far as that can be told. */
export async function connectTemporal(options: NativeConnectionOptions): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect(options);
  } catch (error) {
    const { address = 'localhost:7233', tls, apiKey } = options;
    const trouble = await temporalTrouble({ address, tls: tls ?? null, ...(apiKey ? { apiKey } : {}) });
    throw new Error(trouble ?? refusalIn(error) ?? messageOf(error), { cause: error });
  }
}

/** In words that never hold the connection string. @param variable Which setting names it. */
export function mongodbTrouble(error: unknown, variable: string): string {
  if (!(error instanceof Error)) return String(error);
  if (isAuthentication(error)) {
    return `it does not accept the user or the password in ${variable}: check both, and its authSource`;
  }
  if (error instanceof MongoServerError && error.code === UNAUTHORIZED) {
    return `the user in ${variable} may not use this database: give it readWrite there`;
  }
  const trouble = codesIn(error)
    .map((code) => tlsTrouble(code, wordsOf(variable)))
    .find((found) => found !== undefined);
  return trouble ?? error.message;
}

const AUTHENTICATION_FAILED = 18;
const UNAUTHORIZED = 13;

function isAuthentication(error: Error): boolean {
  if (error instanceof MongoServerError && error.code === AUTHENTICATION_FAILED) return true;
  return serverErrors(error).some(isAuthentication);
}

/** The codes of whatever has kept the driver from its servers. */
function codesIn(error: Error): string[] {
  const own = 'code' in error ? [String(error.code)] : [];
  const cause = error.cause instanceof Error ? codesIn(error.cause) : [];
  return [...own, ...cause, ...serverErrors(error).flatMap(codesIn)];
}

function serverErrors(error: Error): MongoError[] {
  if (!(error instanceof MongoServerSelectionError)) return [];
  return [...(error.reason?.servers.values() ?? [])].flatMap((server) => server.error ?? []);
}

const wordsOf = (variable: string) => ({
  authority: `${variable}, as tlsCAFile=…`,
  certificate: `${variable}, as tlsCertificateKeyFile=…`,
  otherName: `use the host name that is in it in ${variable}`,
});

// gRPC's words for PERMISSION_DENIED and UNAUTHENTICATED, in what the SDK's core says.
const REFUSAL = /valid authentication credentials|does not have permission/i;

function refusalIn(error: unknown): string | undefined {
  if (!REFUSAL.test(messageOf(error))) return undefined;
  return 'it does not accept who we are: check TEMPORAL_API_KEY or TEMPORAL_TLS_CLIENT_CERT_PATH';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
