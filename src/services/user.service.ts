import { LRUCache } from 'lru-cache';
import type { PublicUser } from '../contract/views.js';
import type { Cluster } from '../platform/cluster/cluster.js';
import { notFound } from '../platform/errors/app-error.js';
import type { Logger } from '../platform/logging/logger.js';
import type { UserModel, UserProfile } from '../models/user.model.js';
import { presentUser } from '../presenters/user.presenter.js';
import { OFFLINE, PROFILE_CHANGED, type PresenceService } from './presence.service.js';

/**
 * Public users, for whoever shows one. Profiles are cached in this process and dropped on every
 * node when a profile changes; presence is asked anew each time and cut down by the person's privacy setting.
 */
export type UserService = {
  /** The views of those ids that exist, each id once; of erased accounts, what stands in for them. */
  views(ids: readonly string[]): Promise<Map<string, PublicUser>>;
  /** Throws NOT_FOUND, also for erased accounts. */
  view(id: string): Promise<PublicUser>;
  /** The view of a user who is acting right now, from the cache: presence need not be asked. Throws NOT_FOUND. */
  actingView(id: string): Promise<PublicUser>;
  /** Views of profiles that a query has brought along. */
  present(profiles: readonly UserProfile[]): Promise<Map<string, PublicUser>>;
  search(query: { text: string; except: string; limit: number }): Promise<PublicUser[]>;
  /** How many of the ids are users. */
  countExisting(ids: readonly string[]): Promise<number>;
  /** To be called after a change is written: no node shows what it has cached of this profile any more. */
  profileChanged(id: string): Promise<void>;
};

const PROFILES_KEPT = 20_000;
const PROFILE_TTL_MS = 5 * 60_000;

export function createUserService(deps: {
  users: UserModel;
  presence: PresenceService;
  cluster: Cluster;
  logger: Logger;
}): UserService {
  const profiles = new LRUCache<string, UserProfile>({ max: PROFILES_KEPT, ttl: PROFILE_TTL_MS });
  const acting = new LRUCache<string, PublicUser>({ max: PROFILES_KEPT, ttl: PROFILE_TTL_MS });

  /** Grows with every change, so that a profile read before one is not cached after it. */
  const era = { now: 0 };

  deps.cluster.on(PROFILE_CHANGED, (payload) => forget((payload as { userId: string }).userId));
  deps.cluster.onRejoined(() => {
    era.now += 1;
    profiles.clear();
    acting.clear();
  });

  function forget(id: string): void {
    era.now += 1;
    profiles.delete(id);
    acting.delete(id);
  }

  async function load(ids: readonly string[]): Promise<UserProfile[]> {
    const found: UserProfile[] = [];
    const missing: string[] = [];
    for (const id of new Set(ids)) {
      const known = profiles.get(id);
      if (known === undefined) missing.push(id);
      else found.push(known);
    }
    if (missing.length === 0) return found;
    const before = era.now;
    for (const profile of await deps.users.findProfiles(missing)) {
      if (before === era.now) profiles.set(profile._id.toHexString(), profile);
      found.push(profile);
    }
    return found;
  }

  async function present(list: readonly UserProfile[]): Promise<Map<string, PublicUser>> {
    const ids = list.map((profile) => profile._id.toHexString());
    const states = await deps.presence.states(ids);
    const views = new Map<string, PublicUser>();
    list.forEach((profile, index) => {
      const id = ids[index] ?? '';
      const state = states.get(id) ?? OFFLINE;
      const lastSeen =
        profile.settings.lastSeen === 'everyone' ? (profile.lastSeen?.toISOString() ?? null) : null;
      views.set(id, presentUser(profile, { ...state, lastSeen }));
    });
    return views;
  }

  async function view(id: string): Promise<PublicUser> {
    const known = (await load([id])).filter((profile) => !profile.erasedAt);
    const found = (await present(known)).get(id);
    if (found === undefined) throw notFound('user');
    return found;
  }

  return {
    views: async (ids) => present(await load(ids)),
    view,
    actingView: async (id) => {
      const known = acting.get(id);
      if (known !== undefined) return known;
      const [profile] = await load([id]);
      if (profile === undefined) throw notFound('user');
      const made = presentUser(profile, { isOnline: true, status: 'online', lastSeen: null });
      acting.set(id, made);
      return made;
    },
    present,
    search: async (query) => {
      const found = await deps.users.search(query);
      const views = await present(found);
      return found.flatMap((profile) => views.get(profile._id.toHexString()) ?? []);
    },
    countExisting: async (ids) => (await load(ids)).filter((profile) => !profile.erasedAt).length,
    profileChanged: async (id) => {
      // Out of reach of the others, this node has forgotten it all the same; they forget everything once they are back.
      await deps.cluster
        .tellAll(PROFILE_CHANGED, { userId: id })
        .catch((error: unknown) => deps.logger.warn('a changed profile could not be told', { error }));
    },
  };
}
