const DEFAULT_PORT = 7233;

/** Splits `host:port` of a Temporal server; the host comes without the brackets of an IPv6 address. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const [, host = address, port = DEFAULT_PORT] = /^(.*?)(?::(\d+))?$/.exec(address) ?? [];
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

export function withPort(address: string): string {
  return /:\d+$/.test(address) ? address : `${address}:${DEFAULT_PORT}`;
}

/** True if the address is one of this machine alone; at 0.0.0.0 or [::], it reaches itself. */
export function isLoopback(address: string): boolean {
  return /^(localhost|127(\.\d+){3}|0\.0\.0\.0|::1?)$/i.test(splitAddress(address).host);
}
