import { setTimeout as pause } from 'node:timers/promises';
import type { Socket } from 'socket.io-client';
import { inParallel } from '../client/in-parallel.js';
import { WIDE_OPEN } from '../client/patience.js';
import { emitAcked, openSocket, Refused, type Ack } from '../client/socket.js';
import { exitCode, Stop } from '../client/stop.js';

/** Somebody who speaks, and where he sits: his node is `urls[node % urls.length]` while it is there. */
export type Speaker = { name: string; node: number; token: string; from: string | undefined };

/** Everybody's own socket. A server may allow fewer per address than there are people; then those silent longest give way. */
export type Speakers = {
  /** Opens sockets in advance, as many as may be open. */
  seat(speakers: readonly Speaker[]): Promise<void>;
  /** Null: no acknowledgement came. */
  emit<T>(speaker: Speaker, event: string, payload: unknown): Promise<Ack<T> | null>;
  close(): void;
};

const AWAY_AT_MOST_MS = 60_000;
const RETRY_MS = 250;
const OPENED_AT_ONCE = 8;

type Place = { socket: Promise<Socket>; busy: number };

export function createSpeakers(urls: readonly string[], maxOpen: number): Speakers {
  /** In the order of their last words, the longest silence first. */
  const places = new Map<Speaker, Place>();
  let room = maxOpen;

  async function emptyPlace(): Promise<void> {
    while (places.size >= room) {
      const idle = [...places].find(([, place]) => place.busy === 0);
      if (idle === undefined) {
        await pause(RETRY_MS);
        continue;
      }
      places.delete(idle[0]);
      (await idle[1].socket.catch(() => null))?.disconnect();
    }
  }

  async function connect(speaker: Speaker): Promise<Socket> {
    const deadline = Date.now() + AWAY_AT_MOST_MS;
    for (let attempt = 0; ; attempt += 1) {
      const url = urls[(speaker.node + attempt) % urls.length] ?? '';
      try {
        return await openSocket({ ...speaker, url });
      } catch (error) {
        if (error instanceof Refused && error.code === 'TOO_MANY_CONNECTIONS') {
          room = Math.min(room, places.size - 1);
          if (room < 1) throw new Stop(exitCode.tryLater, `${url} takes no more connections.\n${WIDE_OPEN}`);
          await emptyPlace();
        } else if (error instanceof Refused || Date.now() > deadline) {
          const why = error instanceof Error ? error.message : String(error);
          throw new Stop(exitCode.unavailable, `${speaker.name} can't connect to ${url}: ${why}`);
        }
        await pause(RETRY_MS);
      }
    }
  }

  async function placeOf(speaker: Speaker): Promise<Place> {
    let place = places.get(speaker);
    if (place === undefined) {
      await emptyPlace();
      place = { socket: connect(speaker), busy: 0 };
    } else {
      places.delete(speaker);
    }
    places.set(speaker, place);
    return place;
  }

  async function withSocket<T>(speaker: Speaker, use: (socket: Socket) => Promise<T>): Promise<T> {
    const place = await placeOf(speaker);
    place.busy += 1;
    try {
      let socket = await place.socket;
      if (!socket.connected) {
        place.socket = connect(speaker);
        socket = await place.socket;
      }
      return await use(socket);
    } catch (error) {
      places.delete(speaker);
      throw error;
    } finally {
      place.busy -= 1;
    }
  }

  return {
    seat: async (speakers) => {
      await inParallel(OPENED_AT_ONCE, speakers.slice(0, room), (speaker) =>
        withSocket(speaker, async () => undefined),
      );
    },
    emit: (speaker, event, payload) => withSocket(speaker, (socket) => emitAcked(socket, event, payload)),
    close: () => {
      for (const { socket } of places.values())
        void socket.then(
          (it) => it.disconnect(),
          () => undefined,
        );
      places.clear();
    },
  };
}
