import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, realpath } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** Every path that the processes sharing one data folder agree on. */
export type EngineFiles = Readonly<{
  /** Absolute and free of symbolic links, so that two spellings of one folder meet at one engine. */
  dataDir: string;
  log: string;
  lock: string;
  socketDir: string;
  /** Drivers connect here. */
  mongoSocket: string;
  /** Each app holds one connection here for as long as it needs the engine. */
  controlSocket: string;
}>;

/** `sun_path` holds 108 bytes on Linux and 104 on macOS, one of them for the final zero. */
const MAX_SOCKET_BYTES = 103;
/** mongod puts one more socket of this name beside ours; it is the longest in the folder. */
const LONGEST_NAME = 'mongodb-27017.sock';

/**
 * Makes `dataDir` and the folder of the sockets (both mode 0700 when made here) and answers their paths.
 *
 * The sockets live in the data folder, so that they are found also where processes see different /tmp folders
 * (systemd's PrivateTmp, containers with one volume). Only when that path is too long for a socket they go to
 * a private folder under the temporary one, named after the user and the data folder.
 * @throws Error when a folder can't be made, or when somebody else owns the temporary one.
 */
export async function prepareEngineFiles(dataDir: string): Promise<EngineFiles> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const root = await realpath(dataDir);
  const socketDir = chooseSocketDir(root);
  await ensurePrivateDir(socketDir);
  return {
    dataDir: root,
    log: join(root, 'db-engine.log'),
    lock: join(root, 'db-engine.lock'),
    socketDir,
    mongoSocket: join(socketDir, 'mongo.sock'),
    controlSocket: join(socketDir, 'control.sock'),
  };
}

/** Pure but for the user's id: the first folder whose sockets have a path short enough. */
function chooseSocketDir(dataDir: string, temporary: string = tmpdir()): string {
  const digest = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  const name = `parley-${userInfo().uid}-${digest}`;
  const places = [join(dataDir, 'run'), join(temporary, name), join('/tmp', name)];
  const found = places.find(fits);
  if (found === undefined) throw new Error(`no path short enough for a socket (${temporary})`);
  return found;
}

/** A comma separates addresses for mongod, so it can't be in the path of a socket either. */
function fits(dir: string): boolean {
  return Buffer.byteLength(join(dir, LONGEST_NAME)) <= MAX_SOCKET_BYTES && !dir.includes(',');
}

/** Whoever can write to the folder could stand in for the database, so it has to be ours alone. */
export async function ensurePrivateDir(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const stats = await lstat(dir);
  if (!stats.isDirectory() || stats.uid !== userInfo().uid) {
    throw new Error(`${dir} is not a folder of the user that runs this process`);
  }
  if ((stats.mode & 0o077) !== 0) await chmod(dir, 0o700);
}
