import { AppError, notFound } from '../platform/errors/app-error.js';
import type { ContactState } from '../contract/views.js';

/**
 * What two people are to each other, and what each of them may make of it. Pure: the writing is contact.service's.
 *
 * A request that was declined looks to whoever made it like one that waits: nobody is told that he was turned down. He is
 * not heard again until the pause is over; whoever has declined may ask himself at any time, which is as good as accepting.
 */
export type Bond = {
  state: 'none' | 'pending' | 'declined' | 'friends';
  /** Who asked. */
  by: 'me' | 'other' | null;
  /** When the last request of the one or the other was declined, in milliseconds. */
  refused: { me: number | null; other: number | null };
};

/** What a step changes, and what the other side is to be told of it. */
export type Step = {
  /** Null: all is as it was. */
  next: Bond | null;
  told: 'nothing' | 'asked' | 'befriended' | 'withdrawn' | 'ended';
};

export type ContactStep = 'request' | 'accept' | 'decline' | 'remove';

/** Seven days in which who was declined is not heard again. */
const PAUSE_MS = 7 * 24 * 3_600_000;

const SAME: Step = { next: null, told: 'nothing' };
export const NO_BOND: Bond = { state: 'none', by: null, refused: { me: null, other: null } };

/** How the bond looks to the one from whose side it is told. */
export function contactState({ state, by }: Bond): ContactState {
  if (state === 'friends') return 'friends';
  if (by === 'me' && (state === 'pending' || state === 'declined')) return 'outgoing';
  return by === 'other' && state === 'pending' ? 'incoming' : 'none';
}

/** `now` in milliseconds. Throws NOT_FOUND where there is nothing to answer or to end. */
export const contactPolicy: Record<ContactStep, (bond: Bond, now: number) => Step> = {
  request: (bond, now) => {
    if (bond.state === 'friends') return SAME;
    // Both want it, whoever was first, and whatever was answered before.
    if (bond.state !== 'none' && bond.by === 'other') return befriended(bond);
    if (bond.state === 'pending') return SAME;
    const { me } = bond.refused;
    const heard = me === null || now - me >= PAUSE_MS;
    if (heard) return { next: { ...bond, state: 'pending', by: 'me' }, told: 'asked' };
    return bond.state === 'declined'
      ? SAME
      : { next: { ...bond, state: 'declined', by: 'me' }, told: 'nothing' };
  },

  accept: (bond) => {
    if (bond.state === 'friends') return SAME;
    if (contactState(bond) !== 'incoming') throw notFound('request');
    return befriended(bond);
  },

  decline: (bond, now) => {
    if (bond.state === 'declined' && bond.by === 'other') return SAME;
    if (bond.state === 'friends') throw new AppError('CONFLICT', { message: 'You are contacts already.' });
    if (contactState(bond) !== 'incoming') throw notFound('request');
    return {
      next: { ...bond, state: 'declined', refused: { ...bond.refused, other: now } },
      told: 'nothing',
    };
  },

  remove: (bond) => {
    const state = contactState(bond);
    if (state !== 'friends' && state !== 'outgoing') throw notFound('contact');
    const next: Bond = { ...bond, state: 'none', by: null };
    // Of a declined request the other side knows nothing any more.
    if (bond.state === 'declined') return { next, told: 'nothing' };
    return { next, told: state === 'friends' ? 'ended' : 'withdrawn' };
  },
};

function befriended(bond: Bond): Step {
  return { next: { ...bond, state: 'friends', refused: { me: null, other: null } }, told: 'befriended' };
}
