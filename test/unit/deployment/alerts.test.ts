import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

// Whoever gets an alert has the running product before him, and perhaps no checkout.

interface Alert {
  readonly alert: string;
  readonly annotations: { readonly summary: string; readonly description: string };
}

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const { groups } = parse(read('deploy/prometheus/alerts.yaml')) as { groups: { rules: Alert[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);

const composeServices = Object.keys((parse(read('docker-compose.yml')) as { services: object }).services);
const deployments = ['orders', 'inventory']
  .flatMap((service) => parseAllDocuments(read(`deploy/kubernetes/${service}.yaml`)))
  .map((document) => document.toJS() as { kind: string; metadata: { name: string } })
  .filter(({ kind }) => kind === 'Deployment')
  .map(({ metadata }) => metadata.name);
const { namespace } = parse(read('deploy/kubernetes/kustomization.yaml')) as { namespace: string };

describe.each(alerts.map((alert) => [alert.alert, alert.annotations] as const))(
  'the alert %s',
  (name, said) => {
    const commands = [...said.description.matchAll(/`([^`]+)`/g)].map(([, command = '']) => command);

    test('needs no checkout', () => {
      expect(said.description).not.toMatch(/\bnpm\b|\bnpx\b|\bnode\b|\.ts\b/);
    });

    test('names services and deployments that there are', () => {
      for (const command of commands) {
        const compose = /^docker compose logs (\S+)$/.exec(command);
        const kubernetes = /^kubectl --namespace (\S+) logs deployment\/(\S+)$/.exec(command);
        if (command.startsWith('docker')) expect(composeServices).toContain(compose?.[1]);
        if (command.startsWith('kubectl')) expect(kubernetes?.[1]).toBe(namespace);
        if (command.startsWith('kubectl')) expect(deployments).toContain(kubernetes?.[2]);
      }
    });

    test('says where the log is, if a worker is missing', () => {
      const service = /^(\w+)WorkerMissing$/.exec(name)?.[1]?.toLowerCase();
      if (service === undefined) return;
      expect(commands).toContain(`docker compose logs ${service}`);
      expect(commands).toContain(`kubectl --namespace ${namespace} logs deployment/concord-${service}`);
    });
  },
);

test('each is read', () => {
  expect(alerts.length).toBeGreaterThanOrEqual(10);
});
