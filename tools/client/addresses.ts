import { createServer } from 'node:net';
import { once } from 'node:events';

/** The local address that the person with this number connects from; undefined: whatever the system chooses. */
export type Addresses = (person: number) => string | undefined;

/**
 * Hundreds of people do not live at one address, and a server's limits per address rest on that. Where the server is on
 * this machine and the system owns all of 127.0.0.0/8 (Linux does), each person comes from an address of his own, so a
 * server with its default limits treats them as it would treat people. Elsewhere they share one address.
 */
export async function addressesFor(urls: readonly string[]): Promise<Addresses> {
  const here = urls.every((url) => /^(localhost|127\.\d+\.\d+\.\d+)$/.test(new URL(url).hostname));
  return here && (await owns(ofPerson(0))) ? ofPerson : oneForAll;
}

export const oneForAll: Addresses = () => undefined;

const PER_NET = 250;

function ofPerson(person: number): string {
  return `127.77.${1 + (Math.floor(person / PER_NET) % PER_NET)}.${1 + (person % PER_NET)}`;
}

async function owns(address: string): Promise<boolean> {
  const server = createServer().listen(0, address);
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  return true;
}
