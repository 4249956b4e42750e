import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** A span as it came over the wire. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty where it is its trace's first. */
  readonly parentSpanId: string;
  readonly name: string;
  /** `service.name` of who sent it. */
  readonly service: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** The spans that it is linked to. */
  readonly links: readonly string[];
}

export interface OtlpReceiver extends AsyncDisposable {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly endpoint: string;
  /** Everything that has come, oldest first. */
  readonly spans: ReceivedSpan[];
  /** All that was sent, as text. */
  text(): string;
  /** Takes requests from now on, and answers none. */
  hang(): void;
  /** How many requests have come since then. */
  unanswered(): number;
}

/** A collector as far as exporters see it: OTLP over HTTP, in JSON. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const texts: string[] = [];
  let hangs = false;
  let unanswered = 0;
  const server = createServer(async (request, response) => {
    if (hangs) {
      unanswered += 1;
      return;
    }
    if (request.url !== '/v1/traces') return void response.writeHead(404).end();
    const body = (await json(request)) as ExportRequest;
    texts.push(JSON.stringify(body));
    spans.push(...spansIn(body));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    text: () => texts.join('\n'),
    hang() {
      hangs = true;
    },
    unanswered: () => unanswered,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

interface ExportRequest {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] };
    readonly scopeSpans?: readonly { readonly spans?: readonly WireSpan[] }[];
  }[];
}

interface WireSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes?: readonly KeyValue[];
  readonly links?: readonly { readonly spanId: string }[];
}

interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

function spansIn({ resourceSpans = [] }: ExportRequest): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) => {
    const service = String(recordOf(resource?.attributes)['service.name']);
    return scopeSpans.flatMap(({ spans = [] }) =>
      spans.map(({ traceId, spanId, parentSpanId = '', name, attributes, links = [] }) => ({
        ...{ traceId, spanId, parentSpanId, name, service },
        attributes: recordOf(attributes),
        links: links.map((link) => link.spanId),
      })),
    );
  });
}

/** OTLP wraps each value by its type. */
function recordOf(attributes: readonly KeyValue[] = []): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
