import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import mongoose from 'mongoose';

const { BSON } = mongoose.mongo;

export type Command = Readonly<Record<string, unknown>>;

/** Stands between a server under test and its database: sees every command, and can cut the line. */
export type MongoProxy = Readonly<{
  /** MONGODB_URI that leads through it. */
  uri: string;
  /** Commands that passed since the last call, in order; the driver's own (hello, ping, endSessions) left out. */
  taken(): Command[];
  /** Ends all connections and refuses new ones. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  close(): Promise<void>;
}>;

const HEADER_BYTES = 16;
const FLAGS_BYTES = 4;
const OP_MSG = 2013;
const OF_THE_DRIVER = new Set(['hello', 'isMaster', 'ismaster', 'ping', 'endSessions']);

export async function startMongoProxy(real: string): Promise<MongoProxy> {
  const address = /^mongodb:\/\/([^/?]+)\/([^?]*)(?:\?(.*))?$/.exec(real);
  if (!address?.[1]) throw new Error('The database has no address that a proxy understands.');
  const [, host, database = '', options = ''] = address;
  const sockets = new Set<Socket>();
  const commands: Command[] = [];

  const server = createServer((client) => {
    const target = connectTo(decodeURIComponent(host));
    const end = (): void => {
      for (const socket of [client, target]) {
        sockets.delete(socket);
        socket.destroy();
      }
    };
    for (const socket of [client, target]) sockets.add(socket.on('error', end).on('close', end));
    const read = commandReader((command) => {
      if (!OF_THE_DRIVER.has(Object.keys(command)[0] ?? '')) commands.push(command);
    });
    client.on('data', read);
    client.pipe(target);
    target.pipe(client);
  });
  const port = await listenSomewhere(server);
  const query = new URLSearchParams(options);
  query.set('directConnection', 'true');

  const cut = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  };
  return {
    uri: `mongodb://127.0.0.1:${port}/${database}?${query.toString()}`,
    taken: () => commands.splice(0),
    cut,
    mend: async () => {
      if (server.listening) return;
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    close: cut,
  };
}

/** On a port below the range the kernel gives to outgoing connections. */
async function listenSomewhere(server: Server): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 11_900);
    server.listen(port, '127.0.0.1');
    // `once` rejects at 'error', which says that somebody has the port.
    const free = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (free) return port;
  }
}

function connectTo(host: string): Socket {
  if (host.startsWith('/')) return connect(host);
  const at = host.lastIndexOf(':');
  return at === -1 ? connect(27_017, host) : connect(Number(host.slice(at + 1)), host.slice(0, at));
}

/** Takes the bytes as they come and tells each whole command: the body section of each OP_MSG. */
function commandReader(tell: (command: Command) => void): (bytes: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= HEADER_BYTES && rest.length >= rest.readInt32LE(0)) {
      const message = rest.subarray(0, rest.readInt32LE(0));
      rest = rest.subarray(message.length);
      const body = HEADER_BYTES + FLAGS_BYTES;
      if (message.readInt32LE(12) !== OP_MSG || message[body] !== 0) continue;
      const document = message.subarray(body + 1, body + 1 + message.readInt32LE(body + 1));
      tell(BSON.deserialize(document));
    }
  };
}
