import { execFile } from 'node:child_process';
import { access, constants, cp, mkdir, mkdtemp, readFile, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Logger } from '../../logging/logger.js';
import { tryStartLock } from '../engine/start-lock.js';
import type { StartLock } from '../engine/start-lock.js';
import { downloadPackages } from './apt-download.js';
import type { Archive } from './apt-download.js';
import { parseAptSources, parseOsRelease, pickMirror } from './apt-sources.js';
import type { AptSource } from './apt-sources.js';

/** A dynamic loader and the folder of the libraries that belong to it. */
export type Loader = Readonly<{ path: string; libraryDir: string }>;

type Deps = Readonly<{
  /** Folders to keep the libraries in, best first. Each gets a folder of its own for release and architecture. */
  cacheDirs: readonly string[];
  /** Normally `/etc/apt`. */
  aptDir: string;
  logger: Logger;
}>;

/** The release whose C library is new enough, for each distribution that has one. */
const donors: Readonly<Record<string, { suite: string; keyrings: readonly string[] }>> = {
  debian: {
    suite: 'trixie',
    keyrings: [
      '/usr/share/keyrings/debian-archive-keyring.pgp',
      '/usr/share/keyrings/debian-archive-keyring.gpg',
    ],
  },
  ubuntu: { suite: 'noble', keyrings: ['/usr/share/keyrings/ubuntu-archive-keyring.gpg'] },
};

type Machine = Readonly<{ architecture: string; triplet: string; loader: string }>;

const machines: Readonly<Record<string, Machine>> = {
  x64: { architecture: 'amd64', triplet: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { architecture: 'arm64', triplet: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
};

const LOCK_POLL_MS = 100;

const packages = ['libc6', 'libstdc++6', 'libgcc-s1'];

/** The version of the C library this process runs on, such as `2.36`; null where it is not GNU's. */
export function ownGlibc(): string | null {
  // Without this the report looks up names for every network address, which may take seconds.
  Object.assign(process.report, { excludeNetwork: true });
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: unknown } };
  const version = report.header?.glibcVersionRuntime;
  return typeof version === 'string' ? version : null;
}

/** Compares dotted numbers: is `version` at least `wanted`? */
export function isAtLeast(version: string, wanted: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/**
 * A newer C library to run a program with, from the newer release of this distribution: out of the cache, else
 * downloaded (9.5 MB, some seconds) with apt from the mirror that the machine uses anyway. Nothing is installed.
 * @throws Error whose message says why there is none.
 */
export async function newerGlibc({ cacheDirs, aptDir, logger }: Deps): Promise<Loader> {
  const machine = machines[process.arch];
  if (!machine) throw new Error(`no newer C library for ${process.arch}`);
  const os = parseOsRelease(await readFile('/etc/os-release', 'utf8').catch(() => ''));
  const donor = donors[os.id];
  if (!donor)
    throw new Error(
      `this system (${os.id}) has a C library older than 2.38, and only Debian and Ubuntu can lend one`,
    );

  const folder = `glibc-${donor.suite}-${machine.architecture}`;
  for (const cacheDir of cacheDirs) {
    const found = loaderIn(join(cacheDir, folder), machine.loader);
    if (await exists(found.path)) return found;
  }
  const uri = pickMirror(await readAptSources(aptDir), os.codename);
  if (uri === null) throw new Error(`no mirror of ${os.id} in ${aptDir}`);
  const archive: Archive = { uri, ...donor, architecture: machine.architecture };
  logger.info('Downloading a newer C library for the embedded database engine (10 MB, once).', {
    suite: donor.suite,
  });
  const targets = cacheDirs.map((dir) => join(dir, folder));
  return install(archive, targets, machine);
}

/** Puts the libraries into the first folder of `targets` that can be written and run from. */
async function install(archive: Archive, targets: readonly string[], machine: Machine): Promise<Loader> {
  let problem: unknown = new Error('no folder to keep it in');
  for (const target of targets) {
    try {
      return await installInto(target, archive, machine);
    } catch (error) {
      // A failed download fails for every folder alike.
      if (!(error instanceof BadPlace)) throw error;
      problem = error;
    }
  }
  throw problem;
}

async function installInto(target: string, archive: Archive, machine: Machine): Promise<Loader> {
  const parent = dirname(target);
  try {
    await mkdir(parent, { recursive: true, mode: 0o700 });
    await access(parent, constants.W_OK);
  } catch (error) {
    throw new BadPlace(`${parent} can't be written`, { cause: error });
  }
  const installed = loaderIn(target, machine.loader);
  // Servers with other data folders share this cache: when several start at once, one downloads for all.
  const lock = await lockUnless(`${target}.lock`, () => exists(installed.path));
  if (lock === null) return installed;
  const staging = await mkdtemp(join(parent, '.new-'));
  try {
    const unpacked = join(staging, 'unpacked');
    await mkdir(unpacked);
    await downloadPackages(archive, { packages, target: unpacked });
    const libraries = join(staging, 'libraries');
    await keepLibraries(join(unpacked, 'usr', 'lib', machine.triplet), libraries);
    await verify(loaderIn(libraries, machine.loader));
    await publish(libraries, target);
    return installed;
  } finally {
    await rm(staging, { recursive: true, force: true });
    await lock.release();
  }
}

/** Null as soon as `done` holds; else the lock, for which we wait as long as its holder lives. */
async function lockUnless(path: string, done: () => Promise<boolean>): Promise<StartLock | null> {
  for (;;) {
    if (await done()) return null;
    const lock = await tryStartLock(path);
    if (lock === null) {
      await delay(LOCK_POLL_MS);
    } else if (await done()) {
      await lock.release();
      return null;
    } else {
      return lock;
    }
  }
}

/** The folder is at fault, not the download. */
class BadPlace extends Error {}

/** Folders in there (character sets, audit) are of no use to the engine. */
async function keepLibraries(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    await cp(join(from, entry.name), join(to, entry.name), { verbatimSymlinks: true });
  }
}

/** Fails for instance on a file system that nothing may be run from. */
async function verify({ path, libraryDir }: Loader): Promise<void> {
  try {
    await promisify(execFile)(path, ['--library-path', libraryDir, process.execPath, '--version'], {
      timeout: 10_000,
    });
  } catch (error) {
    throw new BadPlace(`node does not run with the downloaded C library in ${libraryDir}`, { cause: error });
  }
}

/** By one rename, so that a folder is there completely or not at all; whoever came first with it is as good. */
async function publish(libraries: string, target: string): Promise<void> {
  try {
    await rename(libraries, target);
  } catch (error) {
    const present = await readdir(target).then(
      (names) => names.length > 0,
      () => false,
    );
    if (!present) throw error;
  }
}

async function readAptSources(aptDir: string): Promise<AptSource[]> {
  const parts = join(aptDir, 'sources.list.d');
  const names = await readdir(parts).catch(() => []);
  const files = [join(aptDir, 'sources.list'), ...names.sort().map((name) => join(parts, name))];
  const lists = files.map(async (file) => {
    const format = file.endsWith('.sources') ? 'deb822' : file.endsWith('.list') ? 'list' : null;
    if (format === null) return [];
    return parseAptSources(await readFile(file, 'utf8').catch(() => ''), format);
  });
  return (await Promise.all(lists)).flat();
}

function loaderIn(dir: string, name: string): Loader {
  return { path: join(dir, name), libraryDir: dir };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
