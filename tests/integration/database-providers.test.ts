import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Schema } from 'mongoose';
import { silentLogger } from '../../src/platform/logging/logger.js';
import { isAlive } from '../../src/platform/mongo/engine/start-lock.js';
import { isAtLeast, newerGlibc, ownGlibc } from '../../src/platform/mongo/glibc/newer-glibc.js';
import { openDatabase } from '../../src/platform/mongo/provider.js';
import { startDatabaseApp } from '../support/database-apps.js';
import { startTestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';

let root: string;
let dataDir: string;
let closers: (() => Promise<unknown>)[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'parley-db-'));
  dataDir = join(root, 'data');
  closers = [];
});

afterEach(async () => {
  for (const close of closers.reverse()) await close();
  await rm(root, { recursive: true, force: true });
});

async function open(path: string) {
  const database = await openDatabase({
    config: { uri: null, embedded: true, dataDir },
    logger: silentLogger,
    path,
  });
  closers.push(() => database.close());
  return database;
}

/** Takes the options of mongod that Parley uses and listens, but speaks no protocol. Answers its folder, for a PATH. */
async function fakeMongod(version = '7.0.5'): Promise<string> {
  const dir = join(root, 'bin');
  await mkdir(dir);
  const script = `#!${process.execPath}
const { rmSync, writeFileSync } = require('node:fs');
if (process.argv.includes('--version')) { console.log('db version v${version}'); process.exit(0); }
const option = (name) => process.argv[process.argv.indexOf(name) + 1];
writeFileSync(option('--dbpath') + '/WiredTiger', '');
rmSync(option('--bind_ip'), { force: true });
require('node:net').createServer().listen(option('--bind_ip'));
process.on('SIGTERM', () => process.exit(0));
`;
  await writeFile(join(dir, 'mongod'), script);
  await chmod(join(dir, 'mongod'), 0o755);
  return dir;
}

async function mongodPids(): Promise<{ keeper: number; mongod: number }> {
  return JSON.parse(await readFile(join(dataDir, 'db-mongod.pid'), 'utf8')) as {
    keeper: number;
    mongod: number;
  };
}

describe('the order of providers', () => {
  test('a configured server comes first; its credentials are not shown', async () => {
    const uri = 'mongodb://ann:secret@db1.example:27017,db2.example:27017/parley?replicaSet=rs0';
    const config = { uri, embedded: true, dataDir };
    const database = await openDatabase({ config, logger: silentLogger, path: await fakeMongod() });
    expect(database).toMatchObject({
      uri,
      kind: 'external',
      description: 'MongoDB at db1.example:27017,db2.example:27017',
    });
    await database.close();
  });

  test('a mongod on the PATH comes next, and ends with its last app', async () => {
    const database = await open(await fakeMongod());
    expect(database).toMatchObject({ kind: 'mongod', description: expect.stringContaining('db-mongod') });
    const { mongod } = await mongodPids();
    expect(isAlive(mongod)).toBe(true);
    await database.close();
    expect(isAlive(mongod)).toBe(false);
  });

  test('a mongod too old for the driver is passed over', async () => {
    expect(await open(await fakeMongod('3.6.23'))).toMatchObject({ kind: 'embedded' });
  });

  test('a folder with data keeps its engine when a mongod appears', async () => {
    await (await open('')).close();
    expect(await open(await fakeMongod())).toMatchObject({ kind: 'embedded' });
  });

  test('none of our own unless it is allowed', async () => {
    const config = { uri: null, embedded: false, dataDir };
    const opening = openDatabase({ config, logger: silentLogger, path: await fakeMongod() });
    await expect(opening).rejects.toThrow(/set MONGODB_URI=.* or EMBEDDED=allow/);
  });

  test('when nothing works the message tells why of each, and the fix', async () => {
    await mkdir(dataDir);
    // A file in the place of the engine's folder: it can't open on any machine.
    await writeFile(join(dataDir, 'db'), '');
    const app = await startDatabaseApp(
      { dataDir, path: root, cacheDir: join(root, 'cache'), aptDir: root },
      { MONGOMS_DOWNLOAD_MIRROR: 'http://127.0.0.1:9' },
    );
    expect(app.report.failed?.split('\n')).toEqual([
      'No database could be started.',
      '  - mongod: there is none on the PATH',
      expect.stringMatching(/^ {2}- embedded engine: .+/),
      expect.stringMatching(/^ {2}- download of MongoDB: .+/),
      expect.stringMatching(/^Fix: set MONGODB_URI=/),
    ]);
    await app.end();
  });
});

describe('a mongod of our own', () => {
  test('is replaced when it dies', async () => {
    await open(await fakeMongod());
    const { mongod } = await mongodPids();
    process.kill(mongod, 'SIGKILL');
    await eventually(async () => {
      const now = await mongodPids();
      expect(now.mongod).not.toBe(mongod);
      expect(isAlive(now.mongod)).toBe(true);
    });
  });

  test('that has lost its keeper is ended before another one opens its folder', async () => {
    await open(await fakeMongod());
    const { keeper, mongod } = await mongodPids();
    process.kill(keeper, 'SIGKILL');
    await eventually(async () => expect((await mongodPids()).keeper).not.toBe(keeper));
    expect(isAlive(mongod)).toBe(false);
  });
});

describe('a newer C library', () => {
  const needed = !isAtLeast(ownGlibc() ?? '9.9', '2.38');

  (needed ? test : test.skip)('that can not be had is explained', async () => {
    const deps = { cacheDirs: [join(root, 'cache')], aptDir: root, logger: silentLogger };
    await expect(newerGlibc(deps)).rejects.toThrow(/no mirror of \w+ in/);
    const osRelease = await readFile('/etc/os-release', 'utf8');
    const codename = /VERSION_CODENAME=(\w+)/.exec(osRelease)?.[1] ?? 'stable';
    await writeFile(join(root, 'sources.list'), `deb http://127.0.0.1:9/debian ${codename} main\n`);
    await expect(newerGlibc(deps)).rejects.toThrow(/apt-get (failed: E|is not installed)/);
  });
});

describe('a connection', () => {
  test('defuses operators from outside, refuses unknown paths, and creates nothing', async () => {
    const database = await startTestDatabase();
    closers.push(() => database.close());
    const { connection, ping } = await database.connect();
    const User = connection.model('User', new Schema({ email: { type: String, unique: true } }));
    await User.init();
    expect(await connection.listCollections()).toEqual([]);

    await User.create({ email: 'ann@example.org' });
    const injected: unknown = { $ne: '' };
    await expect(User.find({ email: injected as string }).exec()).rejects.toThrow(/Cast to string failed/);
    await expect(User.find({ mail: 'x' }).exec()).rejects.toThrow(/strictQuery/);
    expect(connection.name).toBe(database.database);
    expect(await ping()).toBeLessThan(1_000);
  });

  test('to nobody fails within its patience', async () => {
    const { connectMongo } = await import('../../src/platform/mongo/connect.js');
    const start = performance.now();
    await expect(
      connectMongo({ uri: 'mongodb://127.0.0.1:9/?directConnection=true', logger: silentLogger }),
    ).rejects.toThrow(/ECONNREFUSED/);
    expect(performance.now() - start).toBeLessThan(8_000);
  });
});
