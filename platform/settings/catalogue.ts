import { services } from '../../domain/services.ts';
import { type Setting, settingsOf } from './setting.ts';
import {
  codecServerVariables,
  databaseVariables,
  encryptionVariables,
  temporalVariables,
  workerVariables,
} from './variables.ts';

/** Settings that belong together, and who reads them. */
export interface Section {
  readonly title: string;
  readonly settings: readonly Setting[];
}

/** Every setting of Concord: docs/configuration.md and `concord settings` show it. */
export const sections: readonly Section[] = [
  {
    title: 'Temporal (workers and the command line)',
    settings: [
      ...settingsOf(temporalVariables),
      {
        name: 'TEMPORAL_GRPC_META_…',
        purpose: 'a header of each call to Temporal, such as `TEMPORAL_GRPC_META_TENANT=shop`',
        range: 'text; empty removes the header of the profile',
        fallback: 'none',
      },
    ],
  },
  {
    title: 'Encryption (workers, the command line and the codec server)',
    settings: settingsOf(encryptionVariables),
  },
  {
    title: 'Workers',
    settings: settingsOf({
      ...{ MONGODB_URI: workerVariables.MONGODB_URI },
      ...Object.assign({}, ...services.map(databaseVariables)),
      ...workerVariables,
    }),
  },
  {
    title: 'Traces (workers and the command line)',
    settings: [
      {
        name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
        purpose: 'the collector to send traces to, over OTLP/HTTP; see [traces](operations.md#traces)',
        range: 'a URL, such as `http://localhost:4318`',
        fallback: 'no traces',
      },
      {
        name: 'OTEL_…',
        purpose: "OpenTelemetry's other variables, as its own documentation says",
        range: 'text',
        fallback: "OpenTelemetry's own",
      },
    ],
  },
  { title: '`concord codec-server`', settings: settingsOf(codecServerVariables) },
  {
    title: '`npm start`, `npm test` and the command line',
    settings: [
      {
        name: 'CONCORD_CACHE',
        purpose: 'the folder for downloaded and built servers, and for notes on what runs',
        range: 'a path',
        fallback: "`concord` in the user's cache",
      },
    ],
  },
];

/** Every variable that has a row. */
export const settingNames: readonly string[] = sections.flatMap(({ settings }) =>
  settings.map(({ name }) => name),
);
