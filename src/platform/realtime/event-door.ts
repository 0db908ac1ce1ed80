import { randomUUID } from 'node:crypto';
import type { ErrorBody, FailureEnvelope, SuccessEnvelope } from '../../contract/events.js';
import type { Action, Presented } from '../actions/action.js';
import { AppError } from '../errors/app-error.js';
import { toAppError } from '../errors/to-app-error.js';
import type { Logger } from '../logging/logger.js';
import type { ParleySocket } from './socket-registry.js';

/** `signal`: cheap and frequent (typing, candidates), with a bucket of its own. */
export type EventRow = { readonly action: Action; readonly bucket: 'event' | 'signal' };
export type EventTable = Readonly<Record<string, EventRow>>;

export type EventDoor = {
  /** Answers all of the socket's events from now on. */
  attach(socket: ParleySocket): void;
  /** Resolves when no event is under way any more. */
  idle(): Promise<void>;
};

type Deps = {
  events: EventTable;
  spend: (bucket: EventRow['bucket'], userId: string) => Promise<void>;
  logger: Logger;
  clock: () => number;
};

type Acknowledge = (envelope: SuccessEnvelope<Presented> | FailureEnvelope) => void;

/** A client that keeps hammering for this long is cut; a pause of the second length is forgiven. */
const ABUSE_MS = 3 * 60_000;
const FORGIVEN_MS = 30_000;
/** A token may be this old before its socket is cut: time enough for `auth:refresh`. */
const EXPIRY_GRACE_MS = 60_000;

export function createEventDoor(deps: Deps): EventDoor {
  const { logger, clock } = deps;
  const events = new Map(Object.entries(deps.events));
  const waiting: (() => void)[] = [];
  let underWay = 0;

  function fail(socket: ParleySocket, event: string, cause: unknown, acknowledge: Acknowledge | null): void {
    const error = toAppError(cause);
    const requestId = randomUUID();
    if (error.code === 'INTERNAL') {
      logger.error('an event failed', { event, requestId, userId: socket.data.actor.userId, error: cause });
    }
    const body: ErrorBody = {
      code: error.code,
      message: error.message,
      ...(error.details === undefined ? {} : { details: error.details }),
      requestId,
      ...(error.retryAfterSeconds === undefined ? {} : { retryAfter: error.retryAfterSeconds }),
    };
    if (acknowledge !== null) acknowledge({ success: false, message: error.message, error: body });
    else tell(socket, 'error:event', { event: event.slice(0, 64), error: body });
    if (error.code === 'LIMITED') cutAbuser(socket);
  }

  /** Over the limit without a pause for three minutes. */
  function cutAbuser(socket: ParleySocket): void {
    const { data } = socket;
    const now = clock();
    if (now - data.limitedLast > FORGIVEN_MS) data.limitedSince = now;
    data.limitedLast = now;
    if (now - data.limitedSince < ABUSE_MS) return;
    logger.warn('a socket was cut for abuse', { userId: data.actor.userId, ip: data.origin.ip });
    socket.disconnect(true);
  }

  async function handle(socket: ParleySocket, event: string, args: unknown[]): Promise<void> {
    const last = args[args.length - 1];
    const acknowledge = typeof last === 'function' ? (last as Acknowledge) : null;
    try {
      const row = events.get(event);
      await deps.spend(row?.bucket ?? 'event', socket.data.actor.userId);
      if (row === undefined) {
        if (acknowledge !== null) throw new AppError('UNKNOWN_EVENT');
        return;
      }
      if (clock() > socket.data.tokenExpiresAt + EXPIRY_GRACE_MS) throw new AppError('TOKEN_EXPIRED');
      const raw = typeof args[0] === 'function' ? undefined : args[0];
      const reply = await row.action.perform(raw, socket.data.actor, socket.data.origin);
      acknowledge?.({ success: true, message: reply.message, data: reply.data });
    } catch (error) {
      fail(socket, event, error, acknowledge);
    }
  }

  function done(): void {
    underWay -= 1;
    if (underWay === 0) for (const resolve of waiting.splice(0)) resolve();
  }

  /**
   * One listener for every name and every socket: a fraction of the memory of a listener each, and unknown events are
   * seen too. The name may be a number on the wire, whatever the types say.
   */
  function onAny(this: ParleySocket, name: string | number, ...args: unknown[]): void {
    const event = String(name);
    underWay += 1;
    handle(this, event, args).then(done, (error: unknown) => {
      done();
      logger.error('an event handler broke', { event, error });
    });
  }

  return {
    attach: (socket) => void socket.onAny(onAny),
    idle: () => (underWay === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  };
}

/** Sends to one socket; its type allows no events, since everything else goes through the emitter. */
export function tell(socket: ParleySocket, event: string, payload: Presented | ErrorBody | object): void {
  (socket.emit as (event: string, payload: unknown) => boolean).call(socket, event, payload);
}
