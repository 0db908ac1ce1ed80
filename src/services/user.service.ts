import { LRUCache } from 'lru-cache';
import type { PublicUser } from '../contract/views.js';
import type { Cluster } from '../platform/cluster/cluster.js';
import { notFound } from '../platform/errors/app-error.js';
import type { Logger } from '../platform/logging/logger.js';
import type { UserModel, UserProfile } from '../models/user.model.js';
import { presentUser } from '../presenters/user.presenter.js';
import type { PairBook } from './pair-book.js';
import { maySeeLastSeen } from './presence.policy.js';
import { OFFLINE, PROFILE_CHANGED, type PresenceService, type ProfileChanged } from './presence.service.js';
import type { Sight, Viewer, Visibility } from './visibility.service.js';

/**
 * Public users, for whoever shows one. Profiles are cached in this process and dropped on every
 * node when a profile changes; presence is asked anew each time and cut down to what its viewer may know
 * (visibility.service). Without a viewer nobody is online: that is how strangers see a person.
 */
export type UserService = {
  /** As strangers see them: no presence, and no look-up for it. Each id that exists once; of erased accounts, what stands in for them. */
  views(ids: readonly string[]): Promise<Map<string, PublicUser>>;
  /** As strangers see him. Throws NOT_FOUND, also for erased accounts. */
  view(id: string): Promise<PublicUser>;
  viewsFor(viewer: Viewer, ids: readonly string[]): Promise<Map<string, PublicUser>>;
  /** Throws NOT_FOUND. */
  viewFor(viewer: Viewer, id: string): Promise<PublicUser>;
  /** Views of profiles that a query has brought along. */
  presentFor(viewer: Viewer, profiles: readonly UserProfile[]): Promise<Map<string, PublicUser>>;
  /**
   * For a broadcast to people who share a chat with those shown: what every one of them may know. `audience`: their ids,
   * if they are at hand.
   */
  viewsForMany(ids: readonly string[], audience?: ReadonlySet<string>): Promise<Map<string, PublicUser>>;
  /**
   * The view of a user who is acting right now, for a broadcast to one of his chats; from the cache, so that a message
   * costs no look-up. Throws NOT_FOUND.
   */
  actingView(id: string): Promise<PublicUser>;
  search(query: { text: string; by: string; limit: number }): Promise<PublicUser[]>;
  /** How many of the ids are users. */
  countExisting(ids: readonly string[]): Promise<number>;
  /** To be called after a change is written: no node shows what it has cached of this profile any more. */
  profileChanged(id: string): Promise<void>;
};

const PROFILES_KEPT = 20_000;
const PROFILE_TTL_MS = 5 * 60_000;

type Deps = {
  users: UserModel;
  presence: PresenceService;
  visibility: Visibility;
  blocks: PairBook;
  cluster: Cluster;
  logger: Logger;
};

export function createUserService(deps: Deps): UserService {
  const profiles = new LRUCache<string, UserProfile>({ max: PROFILES_KEPT, ttl: PROFILE_TTL_MS });
  const acting = new LRUCache<string, PublicUser>({ max: PROFILES_KEPT, ttl: PROFILE_TTL_MS });

  /** Grows with every change, so that a profile read before one is not cached after it. */
  const era = { now: 0 };

  deps.cluster.on(PROFILE_CHANGED, (payload) => {
    for (const id of (payload as ProfileChanged).userIds) forget(id);
  });
  deps.blocks.onChanged((...pair) => pair.forEach(forget));
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

  /** Presence is asked of those only of whom something may be seen. */
  async function present(
    list: readonly UserProfile[],
    sightOf: (id: string) => Sight,
  ): Promise<Map<string, PublicUser>> {
    const ids = list.map((profile) => profile._id.toHexString());
    const states = await deps.presence.states(ids.filter((id) => sightOf(id) !== 'nothing'));
    return new Map(
      list.map((profile, index) => {
        const id = ids[index] ?? '';
        const lastSeen = maySeeLastSeen(profile.settings.lastSeen, sightOf(id)) ? profile.lastSeen : null;
        const state = states.get(id) ?? OFFLINE;
        return [id, presentUser(profile, { ...state, lastSeen: lastSeen?.toISOString() ?? null })];
      }),
    );
  }

  async function presentFor(viewer: Viewer, list: readonly UserProfile[]): Promise<Map<string, PublicUser>> {
    const ids = list.map((profile) => profile._id.toHexString());
    return present(list, await deps.visibility.sight(viewer, ids));
  }

  /** Of somebody who is still there. */
  async function one(
    id: string,
    shown: (list: UserProfile[]) => Promise<Map<string, PublicUser>>,
  ): Promise<PublicUser> {
    const known = (await load([id])).filter((profile) => !profile.erasedAt);
    const view = (await shown(known)).get(id);
    if (view === undefined) throw notFound('user');
    return view;
  }

  const viewsForMany: UserService['viewsForMany'] = async (ids, audience) => {
    const [list, all] = await Promise.all([load(ids), deps.visibility.shared(ids, audience)]);
    return present(list, (id) => (all(id) ? 'presence' : 'nothing'));
  };

  /** Who acts without a socket is as good as online; one who has chosen to be unseen stays so, to all. */
  async function makeActing(id: string): Promise<PublicUser> {
    const [[profile], all, status] = await Promise.all([
      load([id]),
      deps.visibility.shared([id]),
      deps.presence.chosenStatus(id),
    ]);
    if (profile === undefined) throw notFound('user');
    const shown = all(id) && status !== 'offline';
    return presentUser(profile, { ...(shown ? { isOnline: true, status } : OFFLINE), lastSeen: null });
  }

  return {
    views: async (ids) => present(await load(ids), () => 'nothing'),
    view: (id) => one(id, (list) => present(list, () => 'nothing')),
    viewsFor: async (viewer, ids) => presentFor(viewer, await load(ids)),
    viewFor: (viewer, id) => one(id, (list) => presentFor(viewer, list)),
    presentFor,
    viewsForMany,
    actingView: async (id) => {
      const known = acting.get(id);
      if (known !== undefined) return known;
      const before = era.now;
      const made = await makeActing(id);
      if (before === era.now) acting.set(id, made);
      return made;
    },
    search: async ({ text, by, limit }) => {
      const found = await deps.users.search({ text, except: by, limit });
      const seen = await presentFor({ id: by }, found);
      return found.flatMap((profile) => seen.get(profile._id.toHexString()) ?? []);
    },
    countExisting: async (ids) => (await load(ids)).filter((profile) => !profile.erasedAt).length,
    profileChanged: async (id) => {
      // Out of reach of the others, this node has forgotten it all the same; they forget everything once they are back.
      await deps.cluster
        .tellAll(PROFILE_CHANGED, { userIds: [id] })
        .catch((error: unknown) => deps.logger.warn('a changed profile could not be told', { error }));
    },
  };
}
