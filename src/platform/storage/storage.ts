import type { Readable } from 'node:stream';

/**
 * The storage port: files by key, on this machine's disk or, behind the same methods, in an object store.
 *
 * Keys are made by the server alone: `<area>/<random name>.<kind>` (see `storageKey`). What a client called a file never
 * becomes part of one. A file is there whole or not at all, and nothing is ever written twice under one key but by a
 * repetition of the same work.
 */
export type Storage = {
  /** Keeps what `source` holds or yields, replacing what was there; answers how many bytes. */
  put(key: StorageKey, source: Buffer | Readable): Promise<number>;
  /** Keeps the file at `path`, which is gone from there afterwards. On the same disk nothing is copied. */
  putFile(key: StorageKey, path: string): Promise<number>;
  /** Null when there is no such file. */
  find(key: StorageKey): Promise<StoredFile | null>;
  /** Its bytes, or those from `start` to `end`, both included. Rejects NOT_FOUND. */
  read(key: StorageKey, range?: { start: number; end: number }): Promise<Readable>;
  /** Takes the files away; those that are not there are no mistake. */
  delete(...keys: readonly StorageKey[]): Promise<void>;
  /** Every file of an area, in no order, one at a time however many there are. */
  list(area: StorageArea): AsyncIterable<StoredFile>;

  /** A path on this machine's disk for what is still to be judged: an upload, a file in the making. Nothing is there yet. */
  quarantine(): Promise<string>;
  /** Deletes what lies in quarantine for longer: its process died. Answers how many. */
  sweepQuarantine(olderThanMs: number): Promise<number>;
};

/** What kinds of files there are; each lives by rules of its own. */
const areas = ['avatars', 'exports', 'files', 'thumbnails'] as const;
export type StorageArea = (typeof areas)[number];

export type StorageKey = `${StorageArea}/${string}`;

export type StoredFile = { key: StorageKey; size: number; modifiedAt: Date };

/** Lower case only: two names must not be one on a disk that does not tell cases apart. */
const NAME = /^[0-9a-f]{32}(?:-[0-9a-z]{1,16})?\.[0-9a-z]{1,8}$/;

/** Throws when the name is not of our making: a bug, or something that came from a client unchecked. */
export function storageKey(area: StorageArea, name: string): StorageKey {
  if (!areas.includes(area) || !NAME.test(name)) throw new Error('This is no name of a stored file.');
  return `${area}/${name}`;
}
