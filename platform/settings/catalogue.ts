import { services } from '../../domain/services.ts';
import { optional, settingsOf, text } from './setting.ts';
import * as variables from './variables.ts';

export type Section = (typeof sections)[number];

/** Every setting of Concord, for docs/configuration.md and `concord settings`; the titles say who reads them. */
export const sections = Object.entries({
  'Temporal (workers and the command line)': {
    ...variables.temporalVariables,
    'TEMPORAL_GRPC_META_…': optional(
      text('text; empty takes one of the profile away'),
      'a header of each call, such as `TEMPORAL_GRPC_META_TENANT=shop`',
    ),
  },
  'Encryption (workers, the command line and the codec server)': variables.encryptionVariables,
  Workers: Object.assign(
    { MONGODB_URI: variables.workerVariables.MONGODB_URI },
    ...services.map(variables.databaseVariables),
    variables.workerVariables,
  ),
  'Traces (workers and the command line)': {
    ...variables.tracingVariables,
    'OTEL_…': optional(text('text'), "OpenTelemetry's other standard variables", "OpenTelemetry's own"),
  },
  '`concord codec-server`': variables.codecServerVariables,
  '`npm start`, `npm test` and the command line': {
    CONCORD_CACHE: optional(
      text('a path'),
      'where downloaded and built servers are kept, and what runs is noted',
      "`concord` in the user's cache",
    ),
  },
}).map(([title, shape]) => ({ title, settings: settingsOf(shape) }));

export const settingNames = sections.flatMap(({ settings }) => settings.map(({ name }) => name));
