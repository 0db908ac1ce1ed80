import { stat } from 'node:fs/promises';
import { open, validate, type Reader, type Response } from 'maxmind';
import { asIPv4 } from '../addresses/network.js';
import type { Logger } from '../logging/logger.js';

/** Coarse on purpose: a town or a country, or a point rounded to 0.1° (about 10 km) that the client told. */
export type Place = { city: string | null; country: string | null; lat: number | null; lon: number | null };

/** Where addresses are, from a MaxMind database on this machine: nothing is asked of anybody. */
export type Places = {
  /** Null for what the database does not know, private addresses among them. Never throws. */
  of(ip: string): Place | null;
  close(): void;
};

/** The configured database can't be used; `message` completes the sentence "GEOIP_DATABASE …". */
export class PlacesUnreadable extends Error {
  constructor(path: string, cause: unknown) {
    const code = (cause as NodeJS.ErrnoException | null)?.code;
    super(
      code === undefined
        ? `names ${path}, which is no MaxMind database.`
        : `names ${path}, which can't be read (${code}).`,
      { cause },
    );
    this.name = 'PlacesUnreadable';
  }
}

const nowhere: Places = { of: () => null, close: () => undefined };

/** How often the file is looked at: geoipupdate replaces it about twice a week. */
const LOOK_MS = 10 * 60_000;
const CACHED = 2_000;

type Options = { path: string | null; logger: Logger; lookMs?: number };

/**
 * Opens the database; without a path every address is nowhere. A file that is replaced is taken up while running; one
 * that is then broken is logged, and the old one stays. Throws PlacesUnreadable.
 */
export async function openPlaces({ path, logger, lookMs = LOOK_MS }: Options): Promise<Places> {
  if (path === null) return nowhere;
  let current = await load(path);
  let loading = false;

  async function look(file: string): Promise<void> {
    if (loading) return;
    loading = true;
    try {
      if ((await versionOf(file)) !== current.version) {
        current = await load(file);
        logger.info('the database of places was read anew');
      }
    } catch (error) {
      logger.warn('the new database of places is unusable; the old one stays', { error });
    } finally {
      loading = false;
    }
  }

  const timer = setInterval(() => void look(path), lookMs).unref();
  return {
    of: (ip) => {
      const address = asIPv4(ip) ?? ip;
      return validate(address) ? placeOf(safely(() => current.reader.get(address))) : null;
    },
    close: () => clearInterval(timer),
  };
}

type Loaded = { reader: Reader<Response>; version: string };

async function load(path: string): Promise<Loaded> {
  try {
    const version = await versionOf(path);
    return { reader: await open<Response>(path, { cache: { max: CACHED } }), version };
  } catch (error) {
    throw new PlacesUnreadable(path, error);
  }
}

async function versionOf(path: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(path);
  return `${mtimeMs}:${size}:${ino}`;
}

/** A damaged database shows only where it is read. */
function safely<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

/** City and Country databases alike; whatever else is in the file tells no place. */
function placeOf(record: unknown): Place | null {
  const city = nameIn(record, 'city');
  const country = nameIn(record, 'country') ?? nameIn(record, 'registered_country');
  return city === null && country === null ? null : { city, country, lat: null, lon: null };
}

function nameIn(record: unknown, field: string): string | null {
  const name = part(part(part(record, field), 'names'), 'en');
  return typeof name === 'string' && name !== '' ? name.slice(0, 100) : null;
}

function part(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** The place a client told of itself, no finer than 0.1°. */
export function coarsePlace({ lat, lon }: { lat: number; lon: number }): Place {
  return { city: null, country: null, lat: tenth(lat), lon: tenth(lon) };
}

/** Adding 0 makes -0 plain 0. */
function tenth(degrees: number): number {
  return Math.round(degrees * 10) / 10 + 0;
}
