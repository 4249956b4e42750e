import { readdirSync, readFileSync } from 'node:fs';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { settingNames } from '../../../platform/settings/catalogue.ts';
import { STOP_LIMITS } from '../../../workers/ending.ts';
import { readSettings } from '../../../workers/settings.ts';

// What can be told from the files, without a cluster.

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

interface Deployment extends Manifest {
  readonly spec: {
    readonly selector: Selector;
    readonly template: {
      readonly metadata: { readonly labels: object; readonly annotations: object };
      readonly spec: Pod;
    };
  };
}

interface Selector {
  readonly matchLabels: object;
}

interface Pod {
  readonly serviceAccountName: string;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: object;
  readonly containers: readonly [Container];
}

interface Container {
  readonly image: string;
  readonly command: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env: readonly {
    readonly name: string;
    readonly valueFrom: { readonly secretKeyRef: { readonly name: string } };
  }[];
  readonly securityContext: object;
  readonly resources: object;
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly timeoutSeconds?: number;
}

const directory = new URL('../../../deploy/kubernetes/', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, directory), 'utf8');
const kustomization = parse(read('kustomization.yaml')) as {
  namespace: string;
  resources: string[];
  images: { name: string }[];
};
const manifests: Manifest[] = kustomization.resources.flatMap((file) =>
  parseAllDocuments(read(file)).map((document) => document.toJS() as Manifest),
);
const services = ['orders', 'inventory'] as const;

const { kinds, definitions } = JSON.parse(
  readFileSync(new URL('schemas/kubernetes.json', import.meta.url), 'utf8'),
) as { kinds: Record<string, string>; definitions: object };
// Kubernetes names formats that JSON Schema doesn't know (int32, date-time of its own).
const ajv = new Ajv({ strict: false, validateFormats: false }).addSchema({ $id: 'kubernetes', definitions });

/** What is wrong with a manifest, by its kind's schema. */
function problemsOf(manifest: Manifest): string[] {
  const schema = kinds[`${manifest.apiVersion} ${manifest.kind}`];
  if (schema === undefined) return [`${manifest.apiVersion} ${manifest.kind} has no schema`];
  const validate = ajv.getSchema(`kubernetes${schema}`);
  if (validate === undefined || validate(manifest)) return validate ? [] : ['no schema'];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

function find<Found extends Manifest>(kind: string, name: string): Found {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found as Found;
}

describe('every manifest', () => {
  test.each(manifests.map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest] as const))(
    '%s is of its schema',
    (_name, manifest) => {
      expect(problemsOf(manifest)).toEqual([]);
    },
  );

  test('is listed', () => {
    const files = readdirSync(directory).filter((file) => file.endsWith('.yaml'));
    expect(['kustomization.yaml', ...kustomization.resources].sort()).toEqual(files.sort());
  });

  test.each([
    ['Deployment', 'concord-orders', 'livenessProbe', 'livenesProbe'],
    ['PodDisruptionBudget', 'concord-orders', 'maxUnavailable', 'maxUnavailible'],
    ['ScaledObject', 'concord-orders', 'minReplicaCount', 'minReplicas'],
    ['NetworkPolicy', 'concord-worker', 'podSelector', 'podSelektor'],
  ])('a misspelt field of a %s is found', (kind, name, field, misspelt) => {
    const manifest = JSON.stringify(find(kind, name)).replaceAll(`"${field}"`, `"${misspelt}"`);
    expect(problemsOf(JSON.parse(manifest)).join()).toMatch(/additional properties|required property/);
  });
});

describe.each(services)('the worker of %s', (service) => {
  const { spec } = find<Deployment>('Deployment', `concord-${service}`);
  const pod = spec.template.spec;
  const [container] = pod.containers;
  const settings = find<Manifest & { data: Record<string, string> }>('ConfigMap', 'concord-worker').data;

  test('runs its compiled program, from the image that kustomization names', () => {
    expect(container.command).toEqual(['node', '--max-old-space-size=512', `dist/workers/${service}.js`]);
    expect(kustomization.images.map(({ name }) => name)).toContain(container.image);
  });

  test('is live whatever its servers do, and ready where they answer', () => {
    expect(container.startupProbe.httpGet.path).toBe('/live');
    expect(container.livenessProbe.httpGet.path).toBe('/live');
    expect(container.readinessProbe.httpGet.path).toBe('/ready');
    // Asking MongoDB and then Temporal takes up to 2 seconds each.
    expect(container.readinessProbe.timeoutSeconds).toBeGreaterThan(4);
  });

  test('can neither gain privileges nor write to its image', () => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container.resources).toMatchObject({
      requests: { cpu: expect.any(String), memory: expect.any(String) },
      limits: { memory: '1Gi' },
    });
    find('ServiceAccount', pod.serviceAccountName);
  });

  test('is killed later than it ends by itself', () => {
    expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(STOP_LIMITS.process);
  });

  test('has time to end by itself if it hangs', () => {
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(40);
  });

  test('shows its metrics to Prometheus, whom the network lets in', () => {
    const { metrics } = readSettings(settings);
    expect(metrics?.host).toBe('0.0.0.0');
    expect(container.ports).toContainEqual({ name: 'metrics', containerPort: metrics?.port });
    expect(spec.template.metadata.annotations).toEqual({
      'prometheus.io/scrape': 'true',
      'prometheus.io/port': String(metrics?.port),
    });
    const { ingress, podSelector } = find<Manifest & { spec: Network }>(
      'NetworkPolicy',
      'concord-worker',
    ).spec;
    expect(spec.template.metadata.labels).toMatchObject(podSelector.matchLabels);
    expect(ingress).toEqual([
      {
        from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
        ports: [{ protocol: 'TCP', port: 'metrics' }],
      },
    ]);
  });

  test('is given settings that exist, and the secret of its own database only', () => {
    const secrets = container.env.map(({ name, valueFrom }) => [name, valueFrom.secretKeyRef.name]);
    expect(secrets).toEqual([[`${service.toUpperCase()}_MONGODB_URI`, `concord-${service}-mongodb`]]);
    for (const name of Object.keys(settings).filter((each) => !each.startsWith('TEMPORAL_')))
      expect(settingNames).toContain(name);
    expect(readSettings(settings).health).toEqual({ host: '0.0.0.0', port: 8080 });
  });

  test('is what its budget and its scaling are about', () => {
    const labels = spec.template.metadata.labels;
    expect(spec.selector.matchLabels).toEqual(labels);
    const budget = find<Manifest & { spec: { selector: Selector } }>(
      'PodDisruptionBudget',
      `concord-${service}`,
    );
    expect(budget.spec.selector.matchLabels).toEqual(labels);

    const scaled = find<Manifest & { spec: Scaling }>('ScaledObject', `concord-${service}`);
    expect(scaled.spec.scaleTargetRef.name).toBe(`concord-${service}`);
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: settings });
    expect(scaled.spec.triggers).toEqual(
      ['activity', 'workflow'].map((queueTypes) => ({
        type: 'temporal',
        metadata: {
          endpoint: connectionOptions.address,
          namespace,
          taskQueue: service,
          queueTypes,
          // As its own environment names them: nothing without a version.
          workerDeploymentNameFromEnv: 'TEMPORAL_DEPLOYMENT_NAME',
          workerDeploymentBuildIdFromEnv: 'TEMPORAL_WORKER_BUILD_ID',
          targetQueueSize: expect.stringMatching(/^\d+$/),
        },
      })),
    );
  });
});

describe('the workers as a version', () => {
  const folder = new URL('../kubernetes-version/', directory);
  const overlay = parse(readFileSync(new URL('kustomization.yaml', folder), 'utf8')) as Overlay;
  const buildId = overlay.nameSuffix.slice(1);
  const patchOf = (kind: string, name?: string) => {
    const found = overlay.patches.find(({ target }) => target.kind === kind && target.name === name);
    return parse(found?.patch ?? '') as { path: string; value: unknown }[];
  };

  test('are those of deploy/kubernetes, named and counted by the version', () => {
    expect(overlay.resources).toEqual(['../kubernetes']);
    expect(overlay.nameSuffix).toMatch(/^-\w+$/);
    expect(overlay.labels).toEqual([
      { pairs: { 'app.kubernetes.io/version': buildId }, includeSelectors: true },
    ]);
    // Otherwise, the autoscaler of the workers without a version counts those of the version as well.
    for (const service of services) {
      const { selector } = find<Deployment>('Deployment', `concord-${service}`).spec;
      expect(selector.matchLabels).toMatchObject({ 'app.kubernetes.io/version': 'none' });
    }
  });

  test.each(services)('say so, each as its own deployment: %s', (service) => {
    const { data } = find<Manifest & { data: Record<string, string> }>('ConfigMap', 'concord-worker');
    const [shared] = patchOf('ConfigMap');
    expect(shared).toMatchObject({ path: '/data/TEMPORAL_WORKER_BUILD_ID', value: buildId });
    const [own] = patchOf('Deployment', `concord-${service}`);
    expect(own).toMatchObject({
      path: '/spec/template/spec/containers/0/env/-',
      value: { name: 'TEMPORAL_DEPLOYMENT_NAME', value: `concord-${service}` },
    });
    expect(readSettings(data).version).toBeUndefined();
    const set = {
      ...data,
      TEMPORAL_WORKER_BUILD_ID: buildId,
      TEMPORAL_DEPLOYMENT_NAME: `concord-${service}`,
    };
    expect(readSettings(set).version).toEqual({ deploymentName: `concord-${service}`, buildId });
  });

  test('take no namespace along when they are deleted', () => {
    expect(patchOf('Namespace')).toMatchObject({
      $patch: 'delete',
      metadata: { name: kustomization.namespace },
    });
  });
});

interface Overlay {
  readonly resources: readonly string[];
  readonly nameSuffix: string;
  readonly labels: readonly object[];
  readonly patches: readonly {
    readonly target: { readonly kind: string; readonly name?: string };
    readonly patch: string;
  }[];
}

interface Network {
  readonly podSelector: Selector;
  readonly ingress: readonly object[];
}

interface Scaling {
  readonly scaleTargetRef: { readonly name: string };
  readonly triggers: readonly object[];
}
