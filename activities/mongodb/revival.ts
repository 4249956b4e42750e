import type { MongoClient, ServerHeartbeatStartedEvent } from 'mongodb';
import pRetry from 'p-retry';

/**
 * Connects a client anew that has gone deaf. The driver (7.9.0) waits for ever for the answer to a heartbeat whose connection
 * closed in the wrong moment, as happens behind a proxy when a server restarts: it stops looking for its server, and every
 * operation fails until the process ends. Databases and collections of the client go on working.
 */
export function reviveWhenDeaf(client: MongoClient, signal: AbortSignal, onDeaf: (reason: string) => void) {
  const waiting = new Map<string, NodeJS.Timeout>();
  let isReviving = false;

  const heard = ({ connectionId: address }: { readonly connectionId: string }) =>
    clearTimeout(waiting.get(address));
  const forgetAll = () => {
    for (const timer of waiting.values()) clearTimeout(timer);
  };
  const asked = (event: ServerHeartbeatStartedEvent) => {
    heard(event);
    const { connectionId: address, awaited } = event;
    const { connectTimeoutMS, heartbeatFrequencyMS } = client.options;
    const limit = connectTimeoutMS + (awaited ? heartbeatFrequencyMS : 0) + MARGIN;
    waiting.set(address, setTimeout(() => void revive(address, limit), limit).unref());
  };
  const revive = async (address: string, limit: number) => {
    if (isReviving || signal.aborted) return;
    isReviving = true;
    onDeaf(`no heartbeat of ${address} has ended in ${limit} ms`);
    forgetAll();
    try {
      await client.close();
      const forEver = { retries: Number.POSITIVE_INFINITY, minTimeout: 500, maxTimeout: 5_000, signal };
      await pRetry(() => client.connect(), forEver);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      isReviving = false;
    }
  };

  client.on('serverHeartbeatStarted', asked);
  client.on('serverHeartbeatSucceeded', heard);
  client.on('serverHeartbeatFailed', heard);
  signal.addEventListener('abort', forgetAll);
}

/** How much longer than the driver's own limit a heartbeat may take, on a machine that is busy. Milliseconds. */
const MARGIN = 5_000;
