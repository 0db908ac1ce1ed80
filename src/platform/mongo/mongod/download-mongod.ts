import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../logging/logger.js';

const PROBE_TIMEOUT_MS = 4_000;
const DOWNLOAD_TIMEOUT_MS = 180_000;

/**
 * A `mongod` downloaded by the optional package mongodb-memory-server-core into `downloadDir`, once. Only its
 * downloader is used; the server is then run like one from the PATH, with files that stay.
 * @throws Error whose message says why not: package missing, out of reach, no build for this system.
 */
export async function downloadMongod({
  downloadDir,
  logger,
}: {
  downloadDir: string;
  logger: Logger;
}): Promise<string> {
  const { DryMongoBinary, MongoBinary, MongoBinaryDownloadUrl } = await loadPackage();
  const options = await DryMongoBinary.generateOptions({ downloadDir });
  const present = await DryMongoBinary.locateBinary({ ...options, systemBinary: '' });
  if (present !== undefined) return present;

  const url = await new MongoBinaryDownloadUrl({ ...options, platform: process.platform }).getDownloadUrl();
  // The package would try again and again; whoever waits for the server to start is told at once instead.
  await probe(url);
  logger.info('Downloading MongoDB (about 100 MB, once).', { url });
  const path = MongoBinary.getPath({ downloadDir });
  const timeout = delay(DOWNLOAD_TIMEOUT_MS, null, { ref: false });
  const done = await Promise.race([path, timeout]);
  if (done === null) throw new Error(`${url} took longer than ${DOWNLOAD_TIMEOUT_MS / 1000} s`);
  return done;
}

async function loadPackage() {
  try {
    const { DryMongoBinary, MongoBinary } = await import('mongodb-memory-server-core');
    const { MongoBinaryDownloadUrl } =
      await import('mongodb-memory-server-core/lib/util/MongoBinaryDownloadUrl.js');
    return { DryMongoBinary, MongoBinary, MongoBinaryDownloadUrl };
  } catch (error) {
    throw new Error('the package mongodb-memory-server-core is not installed', { cause: error });
  }
}

async function probe(url: string): Promise<void> {
  let status: number;
  try {
    status = (await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })).status;
  } catch (error) {
    throw new Error(`${new URL(url).host} is out of reach`, { cause: error });
  }
  if (status >= 400) throw new Error(`${url} answers ${status}`);
}
