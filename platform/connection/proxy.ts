import { once } from 'node:events';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { mapProxyName } from '@grpc/grpc-js/build/src/http_proxy.js';
import type { ConnectionOptions } from '@temporalio/client';
import { defined } from '../../domain/defined.ts';
import { isLoopback, splitAddress, withPort } from './address.ts';

// Clients and workers go through the same proxy, which gRPC's own variables name. Only the client's gRPC library reads
// them, the workers' does not; and it would send even a server of this machine there (grpc/grpc-node #1453).

type Proxy = NonNullable<ReturnType<typeof proxyTo>>;

/** The first that is set counts. */
const VARIABLES = ['grpc_proxy', 'https_proxy', 'http_proxy'] as const;

/** The proxy to this server, if the environment names one. Its credentials are `user:password`; its name is without. */
export function proxyTo(address: string) {
  const variable = VARIABLES.find((name) => process.env[name]);
  if (variable === undefined || isLoopback(address)) return undefined;
  const { target, extraOptions } = mapProxyName({ scheme: 'dns', path: address }, {});
  if (extraOptions['grpc.http_connect_target'] === undefined) return undefined;
  const credentials = extraOptions['grpc.http_connect_creds'] as string | undefined;
  const name = `the proxy http://${target.path} of ${variable}`;
  return defined({ address: target.path, credentials, variable, name });
}

/** Completes options of the SDK's `Connection`, whose gRPC library reads the environment by itself. */
export function clientOptions(options: ConnectionOptions): ConnectionOptions {
  if (!isLoopback(options.address ?? 'localhost')) return options;
  return { ...options, channelArgs: { 'grpc.enable_http_proxy': 0, ...options.channelArgs } };
}

/** Completes options of the SDK's `NativeConnection`, which reads no environment. */
export function workerOptions<Options extends { readonly address?: string }>(options: Options) {
  const found = options.address === undefined ? undefined : proxyTo(options.address);
  if (found === undefined) return options;
  const [, username, password = ''] = /^([^:]*):?(.*)$/s.exec(found.credentials ?? '') ?? [];
  const basicAuth = username ? { username, password } : undefined;
  const proxy = defined({ type: 'http-connect' as const, targetHost: found.address, basicAuth });
  return { ...options, proxy };
}

/** The proxy itself is what keeps us from the server. The message says what to do. */
export class ProxyError extends Error {}

/** Opens a way through the proxy to the server. @throws ProxyError if the proxy gives none. */
export async function openTunnel(proxy: Proxy, address: string, signal: AbortSignal): Promise<Socket> {
  const failure = (what: string) =>
    new ProxyError(`the proxy ${what}: correct ${proxy.variable}, or name the server in no_proxy`);
  const authorization = `Basic ${Buffer.from(proxy.credentials ?? '').toString('base64')}`;
  const headers = proxy.credentials === undefined ? {} : { 'Proxy-Authorization': authorization };
  const way = { ...splitAddress(proxy.address), method: 'CONNECT', path: withPort(address) };
  const asked = request({ ...way, headers, signal, agent: false });
  try {
    const [{ statusCode, statusMessage }, socket] = await once(asked.end(), 'connect');
    if (statusCode === 200) return socket;
    socket.destroy();
    throw failure(`refuses it (${statusCode} ${statusMessage})`);
  } catch (error) {
    if (signal.aborted || !(error instanceof Error) || error instanceof ProxyError) throw error;
    throw failure(`does not answer (${'code' in error ? error.code : error.message})`);
  }
}
