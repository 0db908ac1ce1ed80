import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, opendir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { notFound } from '../errors/app-error.js';
import { storageKey, type Storage, type StorageArea, type StorageKey, type StoredFile } from './storage.js';

/**
 * Files under one folder: `<root>/<area>/<first two letters>/<name>`, so that no folder grows without end. They are
 * written under `<root>/tmp` and renamed when they are whole. Several nodes share the folder (a network disk).
 */
export async function openLocalStorage(root: string): Promise<Storage> {
  const temporary = join(root, 'tmp');
  await mkdir(temporary, { recursive: true });

  const pathOf = (key: StorageKey): string => {
    const slash = key.indexOf('/');
    const name = key.slice(slash + 1);
    // Judged again: what reaches a disk is worth a second look.
    const [area = ''] = storageKey(key.slice(0, slash) as StorageArea, name).split('/', 1);
    return join(root, area, name.slice(0, 2), name);
  };
  const quarantine = async (): Promise<string> => {
    // Somebody may have emptied the whole folder under a running server.
    await mkdir(temporary, { recursive: true });
    return join(temporary, randomBytes(16).toString('hex'));
  };

  /** Into its place, in one step. */
  async function settle(key: StorageKey, path: string): Promise<number> {
    const place = pathOf(key);
    await mkdir(dirname(place), { recursive: true });
    const { size } = await stat(path);
    await rename(path, place);
    return size;
  }

  async function put(key: StorageKey, source: Buffer | Readable): Promise<number> {
    const path = await quarantine();
    try {
      const bytes = Buffer.isBuffer(source) ? Readable.from([source]) : source;
      await pipeline(bytes, createWriteStream(path, { flags: 'wx', flush: true }));
      return await settle(key, path);
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  async function find(key: StorageKey): Promise<StoredFile | null> {
    try {
      const { size, mtime } = await stat(pathOf(key));
      return { key, size, modifiedAt: mtime };
    } catch (error) {
      if (isAbsent(error)) return null;
      throw error;
    }
  }

  return {
    put,
    putFile: async (key, path) => {
      const file = await open(path, 'r+');
      await file.sync().finally(() => file.close());
      return settle(key, path);
    },
    find,
    quarantine,

    read: async (key, range) => {
      // Opened before it is answered: who has the stream has the file, even when it is deleted meanwhile.
      const file = await open(pathOf(key)).catch((error: unknown) => {
        throw isAbsent(error) ? notFound('file') : error;
      });
      return createReadStream('', { fd: file, ...range });
    },

    delete: async (...keys) => {
      for (const key of keys) {
        await unlink(pathOf(key)).catch((error: unknown) => {
          if (!isAbsent(error)) throw error;
        });
      }
    },

    list: async function* (area) {
      for await (const folder of entriesOf(join(root, area))) {
        for await (const name of entriesOf(join(root, area, folder))) {
          const found = await find(storageKey(area, name));
          if (found !== null) yield found;
        }
      }
    },

    sweepQuarantine: async (olderThanMs) => {
      let swept = 0;
      for await (const name of entriesOf(temporary)) {
        const path = join(temporary, name);
        const entry = await stat(path).catch(() => null);
        if (entry === null || Date.now() - entry.mtimeMs < olderThanMs) continue;
        await rm(path, { force: true });
        swept += 1;
      }
      return swept;
    },
  };
}

/** Names in a folder, read as they are needed; none when it is not there. */
async function* entriesOf(path: string): AsyncGenerator<string> {
  try {
    for await (const entry of await opendir(path)) yield entry.name;
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
}
