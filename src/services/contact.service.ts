import type { Actor } from '../contract/actor.js';
import type { ContactState, ContactsView, ContactView } from '../contract/views.js';
import type { LimitName } from '../config/limit-table.js';
import type { Clock } from '../platform/clock/clock.js';
import { AppError, forbidden, invalid, notFound } from '../platform/errors/app-error.js';
import type { Limits } from '../platform/limits/limits.js';
import { toId } from '../models/ids.js';
import {
  inOrder,
  type RelationChange,
  type RelationDoc,
  type RelationModel,
} from '../models/relation.model.js';
import type { BlockGate } from './block.gate.js';
import {
  contactPolicy,
  contactState,
  NO_BOND,
  type Bond,
  type ContactStep,
  type Step,
} from './contact.policy.js';
import type { ParleyFacts } from './facts.js';
import type { NotificationService } from './notification.service.js';
import type { PairBook } from './pair-book.js';
import type { PresenceLinks } from './presence.links.js';
import type { UserService } from './user.service.js';

/**
 * Contacts: two people who both said so.
 *
 * Invariants: a pair is one document, and each step one write to it as it was read; who loses a race looks again, so two
 * who ask each other at once become contacts, and a step taken twice answers twice the same. What a step changed is in
 * force on every node before its answer. Somebody who is blocked can ask; it looks to him like any request, and nobody
 * hears of it unless the block is taken back.
 */
export type ContactService = {
  /** Throws NOT_FOUND, LIMITED; FORBIDDEN towards somebody the actor has blocked himself. */
  request(actor: Actor, userId: string): Promise<ContactView>;
  /** Throws NOT_FOUND when there is no request; as all that follow. */
  accept(actor: Actor, userId: string): Promise<ContactView>;
  /** The other side is not told. */
  decline(actor: Actor, userId: string): Promise<ContactView>;
  /** Ends a friendship or takes back a request. */
  remove(actor: Actor, userId: string): Promise<ContactView>;
  /** Takes back what the actor has asked, if he has. */
  withdraw(actor: Actor, userId: string): Promise<void>;
  list(actor: Actor): Promise<ContactsView>;
};

type Deps = {
  relations: RelationModel;
  friends: PairBook;
  gate: Pick<BlockGate, 'blockedAmong'>;
  users: UserService;
  links: PresenceLinks;
  notifications: NotificationService;
  limits: Limits<LimitName>;
  facts: ParleyFacts;
  clock: Clock;
};

/** Lost races before the client is told to try again. */
const ATTEMPTS = 20;
const MOST_CONTACTS = 5_000;
/** Requests that are shown, the latest first. */
const REQUESTS_SHOWN = 500;

export function createContactService(deps: Deps): ContactService {
  const { relations, friends, users, clock } = deps;

  /** Takes the step on the pair as it is now, and again if somebody else was faster. */
  async function take(
    step: ContactStep,
    actor: Actor,
    userId: string,
  ): Promise<{ bond: Bond; told: Step['told'] }> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const read = await relations.find(actor.userId, userId);
      const bond = read === null ? NO_BOND : bondOf(read, actor.userId);
      const { next, told } = contactPolicy[step](bond, clock());
      if (next === null) return { bond, told };
      if (next.state === 'friends') await assertRoom(actor.userId, userId);
      const change = changeOf(next, { me: actor.userId, other: userId }, new Date(clock()));
      const written =
        read === null
          ? await relations.insert(actor.userId, userId, change)
          : await relations.change(read, change);
      if (written) return { bond: next, told };
    }
    throw new AppError('UNAVAILABLE', { retryAfterSeconds: 1 });
  }

  async function assertRoom(...pair: string[]): Promise<void> {
    const ids = await friends.idsOfMany(pair);
    if ([...ids.values()].some(({ size }) => size >= MOST_CONTACTS)) {
      throw new AppError('CONFLICT', { message: `Nobody can have more than ${MOST_CONTACTS} contacts.` });
    }
  }

  const hasBlocked = async (userId: string, otherId: string): Promise<boolean> =>
    (await deps.gate.blockedAmong(userId, [otherId])).has(otherId);

  async function viewOf(viewerId: string, userId: string, state: ContactState): Promise<ContactView> {
    return { user: await users.viewFor({ id: viewerId }, userId), state };
  }

  async function tell(to: string, about: string, state: ContactState): Promise<void> {
    deps.facts.publish('contact.changed', { to, contact: await viewOf(to, about, state) });
  }

  /** Takes the step, puts it in force and tells it: to the actor's devices, and to the other side unless it is deaf to him. */
  async function settle(step: ContactStep, actor: Actor, userId: string): Promise<ContactView> {
    const me = actor.userId;
    const { bond, told } = await take(step, actor, userId);
    const state = contactState(bond);
    // Of friends also when nothing has changed: the first try may not have been heard by all.
    if (state === 'friends' || told === 'ended') await friends.announce(me, userId);
    const deaf = await hasBlocked(userId, me);
    if (told === 'befriended' || told === 'ended') await deps.links.showEachOther(me, userId);
    await tell(me, userId, state);
    if (told !== 'nothing' && !deaf) await tell(userId, me, MIRRORED[state]);
    await notify({ step, told, deaf }, me, userId);
    return viewOf(me, userId, state);
  }

  async function notify(
    { step, told, deaf }: { step: ContactStep; told: Step['told']; deaf: boolean },
    me: string,
    userId: string,
  ): Promise<void> {
    const { notifications } = deps;
    const mine = { kind: 'friend-request', from: me } as const;
    if (told === 'asked' && !deaf) await notifications.add(userId, mine);
    if (told === 'withdrawn') await notifications.takeBack(userId, mine);
    if (told === 'befriended' || step === 'decline') {
      await notifications.answered(me, { kind: 'friend-request', from: userId });
    }
    if (told === 'befriended' && !deaf) {
      await notifications.add(userId, { kind: 'friend-accepted', from: me });
    }
  }

  /** What one has blocked is not there to be answered. */
  async function answer(step: 'accept' | 'decline', actor: Actor, userId: string): Promise<ContactView> {
    if (await hasBlocked(actor.userId, userId)) throw notFound('request');
    return settle(step, actor, userId);
  }

  return {
    request: async (actor, userId) => {
      if (userId === actor.userId) throw invalid({ field: 'id', message: 'must be somebody else' });
      await users.view(userId);
      if (await hasBlocked(actor.userId, userId)) throw forbidden('You have blocked this person.');
      await deps.limits.spend('contact.request', actor.userId);
      return settle('request', actor, userId);
    },
    accept: (actor, userId) => answer('accept', actor, userId),
    decline: (actor, userId) => answer('decline', actor, userId),

    remove: async (actor, userId) => {
      try {
        return await settle('remove', actor, userId);
      } catch (error) {
        // Perhaps ended by a try that a node did not hear of: tell it again before saying that there is nothing.
        if (error instanceof AppError && error.code === 'NOT_FOUND')
          await friends.announce(actor.userId, userId);
        throw error;
      }
    },

    withdraw: async (actor, userId) => {
      const read = await relations.find(actor.userId, userId);
      if (read === null || contactState(bondOf(read, actor.userId)) !== 'outgoing') return;
      await settle('remove', actor, userId);
    },

    list: async (actor) => {
      const id = actor.userId;
      const [friendly, asking, asked] = await Promise.all([
        relations.ofUser(id, { state: 'friends' }, MOST_CONTACTS),
        relations.ofUser(id, { state: 'pending', by: 'other' }, REQUESTS_SHOWN),
        relations.ofUser(id, { state: ['pending', 'declined'], by: 'self' }, REQUESTS_SHOWN),
      ]);
      const others = (list: readonly RelationDoc[]): string[] => list.map((one) => otherOf(one, id));
      const ids = others([...friendly, ...asking, ...asked]);
      // Whom one has blocked is in the list of blocks, and in no other; who is blocked does not notice.
      const [hidden, views] = await Promise.all([
        deps.gate.blockedAmong(id, ids),
        users.viewsFor({ id }, ids),
      ]);
      const shown = (list: readonly RelationDoc[]) =>
        others(list).flatMap((each) => (hidden.has(each) ? [] : (views.get(each) ?? [])));
      return { friends: shown(friendly), incoming: shown(asking), outgoing: shown(asked) };
    },
  };
}

/** The state, seen from the other side. */
const MIRRORED: Record<ContactState, ContactState> = {
  none: 'none',
  friends: 'friends',
  incoming: 'outgoing',
  outgoing: 'incoming',
};

function otherOf({ low, high }: RelationDoc, userId: string): string {
  const [a, b] = [low.toHexString(), high.toHexString()];
  return a === userId ? b : a;
}

/** The stored relation, told from one side. */
function bondOf(read: RelationDoc, me: string): Bond {
  const iAmLow = read.low.toHexString() === me;
  const [mine, others] = iAmLow ? [read.refusedLow, read.refusedHigh] : [read.refusedHigh, read.refusedLow];
  const by = read.by === null ? null : read.by.toHexString() === me ? 'me' : 'other';
  return {
    state: read.state,
    by,
    refused: { me: mine?.getTime() ?? null, other: others?.getTime() ?? null },
  };
}

function changeOf(bond: Bond, { me, other }: { me: string; other: string }, at: Date): RelationChange {
  const date = (ms: number | null): Date | null => (ms === null ? null : new Date(ms));
  const [mine, others] = [date(bond.refused.me), date(bond.refused.other)];
  const iAmLow = inOrder(me, other)[0] === me;
  return {
    state: bond.state,
    by: bond.by === null ? null : toId(bond.by === 'me' ? me : other),
    refusedLow: iAmLow ? mine : others,
    refusedHigh: iAmLow ? others : mine,
    at,
  };
}
