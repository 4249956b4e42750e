import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createMongoClient } from '../../../activities/mongodb/client.ts';
import { type Section, sections, settingNames } from '../../../platform/settings/catalogue.ts';
import { readCodecServer } from '../../../platform/settings/read-codec-server.ts';
import { readEncryption } from '../../../platform/settings/read-encryption.ts';
import { isSecret } from '../../../platform/settings/variables.ts';
import { readSettings } from '../../../workers/settings.ts';
import { runInProcess } from '../../support/run-cli.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const FOLDERS = ['activities', 'client', 'domain', 'platform', 'tools', 'workers', 'workflows'];

/** What belongs to the machine or the terminal, and what our own processes tell each other. */
const NO_SETTINGS =
  /^(PATH|HOME|CI|TERM|NODE_ENV|NO_COLOR|LOCALAPPDATA|XDG_CACHE_HOME|CONCORD_ENDS_WITH_PARENT|CHAOS_SETTINGS|npm_lifecycle_script)$/;

describe('docs/configuration.md', () => {
  const page = readFileSync(`${root}docs/configuration.md`, 'utf8');

  test.each(sections)('has a row for every setting: $title', (section) => {
    expect(page).toContain(`**${section.title}**\n\n${markdownTable(section)}\n`);
  });
});

test('every variable that is read has a row', () => {
  const sources = FOLDERS.flatMap((folder) =>
    readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(ts|mjs)$/.test(file))
      .map((file) => readFileSync(`${root}${folder}/${file}`, 'utf8')),
  );
  const read = sources.flatMap((source) => [
    ...[...source.matchAll(/process\.env\.(\w+)/g)].map(([, name = '']) => name),
    ...[...source.matchAll(/const \{([^}]+)\} = process\.env/g)].flatMap(([, names = '']) =>
      names.split(/[\s,]+/),
    ),
  ]);
  expect(read.length).toBeGreaterThan(10);
  const unknown = read.filter((name) => name && !NO_SETTINGS.test(name) && !settingNames.includes(name));
  expect(unknown).toEqual([]);
});

test('what is a key, a token or may hold a password is a secret', () => {
  expect(settingNames.filter(isSecret)).toEqual([
    'TEMPORAL_API_KEY',
    'TEMPORAL_TLS_CLIENT_KEY_DATA',
    'ENCRYPTION_KEYS',
    'MONGODB_URI',
    'ORDERS_MONGODB_URI',
    'INVENTORY_MONGODB_URI',
    'CODEC_SERVER_TOKENS',
  ]);
});

describe('`concord settings`', () => {
  test('lists all of them, and never a secret', async () => {
    process.env.TEMPORAL_API_KEY = 'do-not-show';
    process.env.ORDERS_DATABASE = 'mine';
    try {
      const { exitCode, stdout } = await runInProcess(['settings']);
      expect(exitCode).toBe(0);
      const rows = stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t'));
      expect(rows.map(([name]) => name)).toEqual(settingNames);
      expect(rows.find(([name]) => name === 'ORDERS_DATABASE')?.slice(0, 3)).toEqual([
        'ORDERS_DATABASE',
        'mine',
        'orders',
      ]);
      expect(rows.find(([name]) => name === 'TEMPORAL_API_KEY')?.[1]).toBe('(set)');
      expect(stdout).not.toContain('do-not-show');
    } finally {
      delete process.env.TEMPORAL_API_KEY;
      delete process.env.ORDERS_DATABASE;
    }
  });
});

describe('a wrong value is refused by the name of its variable:', () => {
  const TOKEN = 'x'.repeat(32);
  const codecServer = { CODEC_SERVER_TOKENS: `me:${TOKEN}`, CODEC_SERVER_ORIGINS: 'http://127.0.0.1:8233' };

  test.each([
    ['TEMPORAL_ADDRESS', 'https://temporal.example:7233', 'use host:port'],
    ['TEMPORAL_API_KEY', 'two words', 'use what was issued'],
    ['TEMPORAL_TLS', 'yes', 'use true or false'],
    ['TEMPORAL_CONFIG_FILE', '/nowhere.toml', "/nowhere.toml can't be read: there is no such file"],
    ['TEMPORAL_TLS_CLIENT_CERT_PATH', '/nowhere.pem', "/nowhere.pem can't be read: there is no such file"],
    ['TEMPORAL_TLS_SERVER_CA_CERT_DATA', 'no PEM', 'use PEM text'],
    ['TEMPORAL_TLS_DISABLE_HOST_VERIFICATION', 'true', 'is not supported'],
    ['MONGODB_URI', 'mongodb://me:secret@host:99999', 'use a MongoDB connection string'],
    [
      'ORDERS_MONGODB_URI',
      'mongodb://me:secret@host/?tls=true&tlsCAFile=/nowhere',
      "its tlsCAFile /nowhere can't be read",
    ],
  ])('%s', (name, value, fix) => {
    const read = () => readSettings({ [name]: value });
    expect(read).toThrow(`${name}: ${fix}`);
    expect(read).not.toThrow('secret');
  });

  const weakening: Record<string, readonly [option: string, needed?: string]> = {
    'w=0': ['w', '=majority'],
    'w=1': ['w', '=majority'],
    'W=2': ['w', '=majority'],
    'w=tag': ['w', '=majority'],
    'journal=false': ['journal', '=true'],
    'JOURNAL=false': ['journal', '=true'],
    'j=false': ['j', '=true'],
    'fsync=false': ['fsync', '=true'],
    'wtimeoutMS=1': ['wtimeoutMS'],
    'wtimeout=1': ['wtimeout'],
    'readConcernLevel=local': ['readConcernLevel', '=majority'],
    'readConcernLevel=available': ['readConcernLevel', '=majority'],
    'readConcernLevel=snapshot': ['readConcernLevel', '=majority'],
    'readPreference=primaryPreferred': ['readPreference', '=primary'],
    'readPreference=secondary': ['readPreference', '=primary'],
    'readPreference=secondaryPreferred': ['readPreference', '=primary'],
    'readPreference=nearest': ['readPreference', '=primary'],
    'readPreferenceTags=dc:here': ['readPreferenceTags'],
    'maxStalenessSeconds=100': ['maxStalenessSeconds'],
  };

  test.each(Object.entries(weakening))('a connection string with %s', (given, [option, needed]) => {
    const warnings = vi.spyOn(process, 'emitWarning');
    onTestFinished(() => warnings.mockRestore());
    const fix = `leave ${option} out${needed === undefined ? '' : `, or use ${option}${needed}`}: `;
    for (const name of ['MONGODB_URI', 'ORDERS_MONGODB_URI', 'INVENTORY_MONGODB_URI']) {
      for (const uri of [
        `mongodb://me:secret@one,two/?retryWrites=true&${given}`,
        `mongodb://host?${given}`,
      ]) {
        expect(() => readSettings({ [name]: uri })).toThrow(`${name}: ${fix}`);
        expect(() => readSettings({ [name]: uri })).not.toThrow('secret');
      }
    }
    expect(() => createMongoClient(`mongodb://host/?${given}`, 'test')).toThrow(fix);
    expect(warnings, 'the refusal says all').not.toHaveBeenCalled();
  });

  test('a connection string that says what holds anyway, or only how to retry, is taken', async () => {
    const options = 'w=majority&journal=true&readConcernLevel=majority&readPreference=primary';
    for (const retryWrites of [true, false]) {
      const uri = `mongodb://me:secret@one,two/shop?${options}&retryWrites=${retryWrites}&replicaSet=rs`;
      expect(readSettings({ MONGODB_URI: uri }).databases.orders.uri).toBe(uri);
      await using client = createMongoClient(uri, 'test');
      expect(client.options.writeConcern).toMatchObject({ w: 'majority', journal: true });
      expect(client.options.writeConcern).not.toHaveProperty('wtimeoutMS');
      expect(client.options.readPreference).toMatchObject({ mode: 'primary' });
    }
  });

  test.each([
    ['CODEC_SERVER_PORT', '0', 'use a port'],
    ['CODEC_SERVER_TOKENS', 'me:short', 'write each as name:token'],
    ['CODEC_SERVER_TOKENS', `me:${TOKEN},me:${TOKEN}`, 'write each as name:token'],
    ['CODEC_SERVER_TOKENS', '', 'say who may decrypt'],
    ['CODEC_SERVER_ORIGINS', 'http://127.0.0.1:8233/', 'use origins'],
    ['CODEC_SERVER_ORIGINS', '*', 'use origins'],
    ['CODEC_SERVER_ORIGINS', '', 'say where the Web UI is'],
    ['CODEC_SERVER_ENCODE', 'maybe', 'use true or false'],
    ['CODEC_SERVER_TLS_CERT_PATH', fileURLToPath(import.meta.url), 'name both'],
  ])('%s %s', (name, value, fix) => {
    const read = () => readCodecServer({ ...codecServer, [name]: value });
    expect(read).toThrow(new RegExp(`^CODEC_SERVER_\\w+: ${fix}`));
    expect(read).not.toThrow(TOKEN);
  });

  test('defaults are those of the table', () => {
    expect(readCodecServer(codecServer)).toMatchObject({
      host: '127.0.0.1',
      port: 8088,
      mayEncode: false,
      tls: undefined,
    });
    expect(readEncryption({})).toBeUndefined();
  });
});

/** A section's table in docs/configuration.md, in Markdown. */
function markdownTable({ settings }: Section): string {
  return [
    '| variable | what for | values | default |',
    '| --- | --- | --- | --- |',
    ...settings.map(
      ({ name, purpose, range, fallback }) => `| \`${name}\` | ${purpose} | ${range} | ${fallback} |`,
    ),
  ].join('\n');
}
