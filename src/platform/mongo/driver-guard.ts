import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

type DriverConnection = { socket: Socket; onError(error: Error): void };
type WriteCommand = (this: DriverConnection, ...command: unknown[]) => Promise<void>;

let guarded = false;

/**
 * Closes a hole in the MongoDB driver (7.8.0, `Connection.writeCommand`): on a socket that has just ended it waits for
 * a `drain` that never comes. A command then never settles; if it was the monitor's own, the driver never finds the
 * server again, however long it has been back. With the guard such a connection is an ordinary network error.
 * It changes the driver's class once for the process. @throws Error when the driver has another shape than ours.
 */
export function guardDriver(): void {
  if (guarded) return;
  const require = createRequire(createRequire(import.meta.url).resolve('mongoose'));
  const { Connection } = require('mongodb/lib/cmap/connection.js') as {
    Connection?: { prototype: { writeCommand?: WriteCommand } };
  };
  const { MongoNetworkError } = require('mongodb') as { MongoNetworkError: new (text: string) => Error };
  const write = Connection?.prototype.writeCommand;
  if (Connection === undefined || write === undefined) {
    throw new Error(
      'This version of the MongoDB driver is not the one that platform/mongo/driver-guard.ts knows.',
    );
  }
  // Nothing comes between this look and the driver's own write: until there it only awaits promises that are settled.
  Connection.prototype.writeCommand = function writeUnlessEnded(...command) {
    if (this.socket.writable && !this.socket.readableEnded) return write.apply(this, command);
    const error = new MongoNetworkError('the connection ended before the command was written');
    this.onError(error);
    return Promise.reject(error);
  };
  guarded = true;
}
