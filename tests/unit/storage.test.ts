import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openLocalStorage } from '../../src/platform/storage/local-storage.js';
import { openStorage } from '../../src/platform/storage/open-storage.js';
import {
  storageKey,
  type Storage,
  type StorageKey,
  type StoredFile,
} from '../../src/platform/storage/storage.js';
import { filesUnder, openFilesUnder } from '../support/disk.js';
import { eventually } from '../support/eventually.js';

let root: string;
let storage: Storage;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'parley-storage-'));
  storage = await openLocalStorage(root);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const name = (letter: string, kind = 'bin') => `${letter.repeat(32)}.${kind}`;
const key = storageKey('files', name('a'));

describe('files in a folder', () => {
  test('are kept, found, read whole and in part, and deleted', async () => {
    expect(await storage.put(key, Buffer.from('0123456789'))).toBe(10);
    expect(await storage.find(key)).toMatchObject({ key, size: 10 });
    expect(await text(await storage.read(key))).toBe('0123456789');
    expect(await text(await storage.read(key, { start: 2, end: 4 }))).toBe('234');
    await storage.delete(key, storageKey('files', name('b')));
    await storage.delete(key);
    expect(await storage.find(key)).toBeNull();
    await expect(storage.read(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await filesUnder(root)).toEqual([]);
    expect(await openFilesUnder(root)).toEqual([]);
  });

  test('come as a stream, and replace what was there', async () => {
    await storage.put(key, Buffer.from('before'));
    expect(await storage.put(key, Readable.from([Buffer.alloc(100_000, 1), Buffer.alloc(5, 2)]))).toBe(
      100_005,
    );
    expect((await buffer(await storage.read(key))).length).toBe(100_005);
    expect(await storage.put(storageKey('files', name('e')), Buffer.alloc(0))).toBe(0);
  });

  test('a stream that fails leaves nothing, and what was there', async () => {
    await storage.put(key, Buffer.from('before'));
    async function* failing(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(100_000);
      await Promise.resolve();
      throw new Error('cut');
    }
    await expect(storage.put(key, Readable.from(failing()))).rejects.toThrow('cut');
    expect(await text(await storage.read(key))).toBe('before');
    expect(await filesUnder(root)).toEqual([`files/aa/${name('a')}`]);
    await eventually(async () => expect(await openFilesUnder(root)).toEqual([]));
  });

  test('who reads has the file, also when it is deleted meanwhile', async () => {
    await storage.put(key, Buffer.alloc(1_000_000, 7));
    const reading = await storage.read(key);
    await storage.delete(key);
    expect((await buffer(reading)).length).toBe(1_000_000);
  });

  test('a file of the quarantine moves in', async () => {
    const path = await storage.quarantine();
    await writeFile(path, 'uploaded');
    expect(await storage.putFile(key, path)).toBe(8);
    expect(await text(await storage.read(key))).toBe('uploaded');
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(storage.putFile(key, await storage.quarantine())).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('are listed by area', async () => {
    const keys = ['a', 'b', 'c'].map((letter) => storageKey('exports', name(letter, 'zip')));
    for (const each of keys) await storage.put(each, Buffer.from('x'));
    await storage.put(key, Buffer.from('elsewhere'));
    const listed: StoredFile[] = [];
    for await (const file of storage.list('exports')) listed.push(file);
    expect(listed.map((file) => file.key).sort()).toEqual(keys);
    for await (const file of storage.list('thumbnails')) throw new Error(`nothing is there: ${file.key}`);
  });

  test('what was abandoned in quarantine is swept, what is under way is not', async () => {
    const [old, fresh] = [await storage.quarantine(), await storage.quarantine()];
    await writeFile(old, 'old');
    await writeFile(fresh, 'fresh');
    const yesterday = new Date(Date.now() - 25 * 3_600_000);
    await utimes(old, yesterday, yesterday);
    await openStorage({ folder: root, s3: null });
    await expect(stat(old)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readFile(fresh, 'utf8')).toBe('fresh');
  });
});

test.each([
  ...['', '..', '../../etc/passwd', `../${name('a')}`, `${name('a')}/../x`, name('A'), name('g')],
  ...[
    `${'a'.repeat(31)}.bin`,
    `${'a'.repeat(32)}`,
    `${name('a')}\0`,
    `${'a'.repeat(32)}-../x.bin`,
    'con.txt',
  ],
])('%j is no name of ours, and no path', async (bad) => {
  expect(() => storageKey('files', bad)).toThrow('no name');
  await expect(storage.put(`files/${bad}` as StorageKey, Buffer.from('x'))).rejects.toThrow();
  await expect(storage.find(`etc/${name('a')}` as StorageKey)).rejects.toThrow();
  expect(await filesUnder(root)).toEqual([]);
});

test('an object store is refused as long as there is none', async () => {
  await expect(openStorage({ folder: root, s3: {} })).rejects.toThrow('STORAGE=local');
});
