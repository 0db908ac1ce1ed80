import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.js';
import { freePort } from './process.js';

/** A real nginx with the repository's own nginx.conf, before copies on this machine. */
export type TestNginx = Readonly<{ url: string; port: number; stop(): Promise<void> }>;

const CONF = fileURLToPath(new URL('../../nginx.conf', import.meta.url));

/** Only what differs from a deployment is replaced: the copies' addresses, the port, and folders that are root's. */
export async function startNginx(ports: readonly number[]): Promise<TestNginx> {
  const dir = await mkdtemp(join(tmpdir(), 'parley-nginx-'));
  const port = await freePort();
  const conf = join(dir, 'nginx.conf');
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(dir, name)};`,
  );
  let text = await readFile(CONF, 'utf8');
  ports.forEach((copy, index) => {
    text = replaced(text, `server app${index + 1}:3001`, `server 127.0.0.1:${copy}`);
  });
  text = replaced(text, 'listen 80 default_server;', `listen 127.0.0.1:${port} default_server;`);
  text = replaced(text, 'http {\n', `http {\n    ${folders.join('\n    ')}\n`);
  text = `daemon off;\npid ${join(dir, 'nginx.pid')};\n${process.getuid?.() === 0 ? 'user root;\n' : ''}${text}`;
  await writeFile(conf, text);

  const child = spawn('nginx', ['-p', dir, '-c', conf, '-e', join(dir, 'error.log')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (bytes: Buffer) => (complaint += bytes.toString()));
  const ended = once(child, 'close');
  const killer = (): void => void child.kill('SIGKILL');
  process.on('exit', killer);
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`nginx has ended: ${complaint}`);
    await fetch(`${url}/health`);
  });
  return {
    url,
    port,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', killer);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function replaced(text: string, what: string, by: string): string {
  if (!text.includes(what)) throw new Error(`nginx.conf has no "${what}".`);
  return text.replace(what, by);
}
