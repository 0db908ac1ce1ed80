import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isErrno } from '../engine/start-lock.js';

export type Archive = Readonly<{
  /** Mirror from the machine's own sources. */
  uri: string;
  /** The release to take from, such as `trixie`. */
  suite: string;
  /** Where the distribution puts its key ring; the first that exists is demanded, else apt's own trust decides. */
  keyrings: readonly string[];
  /** As dpkg names it: amd64, arm64. */
  architecture: string;
}>;

const UPDATE_TIMEOUT_MS = 30_000;
const DOWNLOAD_TIMEOUT_MS = 30_000;
const UNPACK_TIMEOUT_MS = 20_000;

/**
 * Downloads packages of another release and unpacks them into `target`, without touching the system: apt gets
 * its own sources, lists, cache and an empty status, in a temporary folder. The system's settings (a proxy,
 * passwords for the mirror) still hold, and apt checks the signatures. Needs no root.
 * @throws Error whose message says what is missing or out of reach.
 */
export async function downloadPackages(
  archive: Archive,
  { packages, target }: { packages: readonly string[]; target: string },
): Promise<void> {
  // Under the temporary folder, because apt has trouble with blanks in its paths.
  const work = await mkdtemp(join(tmpdir(), 'parley-apt-'));
  try {
    const config = await writeAptConfig(archive, work);
    const apt = ['-c', config, '-q'];
    await run('apt-get', [...apt, 'update'], { cwd: work, timeoutMs: UPDATE_TIMEOUT_MS });
    const debs = join(work, 'debs');
    await mkdir(debs);
    await run('apt-get', [...apt, 'download', ...packages], { cwd: debs, timeoutMs: DOWNLOAD_TIMEOUT_MS });
    for (const deb of await readdir(debs)) {
      await run('dpkg-deb', ['-x', join(debs, deb), target], { cwd: work, timeoutMs: UNPACK_TIMEOUT_MS });
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function writeAptConfig(
  { uri, suite, keyrings, architecture }: Archive,
  work: string,
): Promise<string> {
  const dirs = { lists: join(work, 'lists'), cache: join(work, 'cache'), sources: join(work, 'sources') };
  await mkdir(join(dirs.lists, 'partial'), { recursive: true });
  await mkdir(join(dirs.cache, 'archives', 'partial'), { recursive: true });
  await mkdir(dirs.sources);
  await writeFile(join(work, 'status'), '');
  const keyring = await firstExisting(keyrings);
  const source = [
    'Types: deb',
    `URIs: ${uri}`,
    `Suites: ${suite}`,
    'Components: main',
    `Architectures: ${architecture}`,
    'Targets: Packages',
    ...(keyring === null ? [] : [`Signed-By: ${keyring}`]),
  ];
  await writeFile(join(dirs.sources, 'parley.sources'), `${source.join('\n')}\n`);
  const config = [
    // Hooks of the system (desktop notices, snapshots) are not for us.
    '#clear APT::Update;',
    '#clear DPkg;',
    `Dir::State "${work}";`,
    `Dir::State::lists "${dirs.lists}";`,
    `Dir::State::status "${join(work, 'status')}";`,
    `Dir::Cache "${dirs.cache}";`,
    'Dir::Etc::SourceList "/dev/null";',
    `Dir::Etc::SourceParts "${dirs.sources}";`,
    `APT::Architecture "${architecture}";`,
    `APT::Architectures { "${architecture}"; };`,
    // Root would hand downloads to the user _apt, who may not enter our folder.
    'APT::Sandbox::User "root";',
    // Otherwise a mirror out of reach is a mere warning.
    'APT::Update::Error-Mode "any";',
    'Acquire::Languages "none";',
    // The lists are read twice: whole, and indexed once, that takes a third less time.
    'Acquire::GzipIndexes "false";',
    'Dir::Cache::pkgcache "pkgcache.bin";',
    'Acquire::Retries "1";',
    'Acquire::http::Timeout "8";',
    'Acquire::https::Timeout "8";',
  ];
  const path = join(work, 'apt.conf');
  await writeFile(path, `${config.join('\n')}\n`);
  return path;
}

const execute = promisify(execFile);

async function run(
  program: string,
  args: readonly string[],
  options: { cwd: string; timeoutMs: number },
): Promise<void> {
  try {
    await execute(program, args, { cwd: options.cwd, timeout: options.timeoutMs, killSignal: 'SIGKILL' });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw new Error(`${program} is not installed`, { cause: error });
    throw new Error(`${program} failed: ${reasonOf(error, options.timeoutMs)}`, { cause: error });
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  const { killed, stderr } = error as { killed?: boolean; stderr?: string };
  if (killed === true) return `no end after ${timeoutMs / 1000} s`;
  const lines = (stderr ?? '').split('\n').map((line) => line.trim());
  return lines.find((line) => /^E(rr)?:/.test(line)) ?? lines.find((line) => line !== '') ?? String(error);
}

async function firstExisting(paths: readonly string[]): Promise<string | null> {
  for (const path of paths) {
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (exists) return path;
  }
  return null;
}
