import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A way to the test database that can be cut: bytes pass through a socket of ours. */
export type UnsteadyDatabase = Readonly<{
  /** As the database's own address, by way of us. */
  uri: string;
  /** As if its process had ended: connections break, new ones are refused. */
  goAway(): Promise<void>;
  /** As if it were frozen: connections stay, new ones are taken, nothing is answered. */
  freeze(): void;
  comeBack(): Promise<void>;
  close(): Promise<void>;
}>;

/** @param uri of `startTestDatabase()` */
export async function startUnsteadyDatabase(uri: string): Promise<UnsteadyDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-cut-'));
  const path = join(folder, 'db.sock');
  const target = targetOf(uri);
  const open = new Set<Socket>();
  let frozen = false;
  let server: Server | null = null;

  const carry = (from: Socket, to: Socket): void => {
    open.add(from);
    from.on('data', (bytes) => {
      to.write(bytes);
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      open.delete(from);
      to.destroy();
    });
    if (frozen) from.pause();
  };
  const listen = async (): Promise<void> => {
    server = createServer((client) => {
      const upstream = typeof target === 'string' ? connect(target) : connect(target.port, target.host);
      carry(client, upstream);
      carry(upstream, client);
    }).listen(path);
    await once(server, 'listening');
  };
  const goAway = async (): Promise<void> => {
    if (server === null) return;
    const closed = once(server, 'close');
    server.close();
    server = null;
    for (const socket of open) socket.destroy();
    await closed;
  };

  await listen();
  return {
    uri: uri
      .replace(/^(mongodb:\/\/(?:[^@/]*@)?)[^/]*/, `$1${encodeURIComponent(path)}`)
      .replace(/\?.*$|$/, '?directConnection=true'),
    goAway,
    freeze: () => {
      frozen = true;
      for (const socket of open) socket.pause();
    },
    comeBack: async () => {
      frozen = false;
      for (const socket of open) socket.resume();
      if (server === null) await listen();
    },
    close: async () => {
      await goAway();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The first host of the address: a unix socket, or a name and a port. */
function targetOf(uri: string): string | { host: string; port: number } {
  const first = /^mongodb:\/\/(?:[^@/]*@)?([^/,?]+)/.exec(uri)?.[1] ?? '';
  const host = decodeURIComponent(first);
  if (host.startsWith('/')) return host;
  const [name = '', port = '27017'] = host.split(':');
  return { host: name, port: Number(port) };
}
