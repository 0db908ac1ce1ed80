import { LRUCache } from 'lru-cache';
import { forbidden } from '../platform/errors/app-error.js';
import type { BlockModel } from '../models/block.model.js';
import { directKeyOf, type ChatModel } from '../models/chat.model.js';
import type { PairBook } from './pair-book.js';

/**
 * What a block keeps two people from, whoever of them has made it. No answer tells who that was.
 *
 * Their direct chat is closed: both can read what is in it, and neither can add to it. Neither can bring the other into a
 * group. Groups that they share are never closed: there a block only hides presence, and clients hide what they like.
 */
export type BlockGate = {
  /**
   * Throws FORBIDDEN, in the same words for both. Answers at once when chat and people are known, as they are where a
   * message is sent: nothing is read then.
   */
  assertOpen(chatId: string): void | Promise<void>;
  isClosed(chatId: string): Promise<boolean>;
  /** Throws FORBIDDEN when the two have no direct chat yet and must not begin one. */
  assertMayOpen(a: string, b: string): Promise<void>;
  /** Throws FORBIDDEN when the user must not bring one of the others into a group. */
  assertAddable(userId: string, others: readonly string[]): Promise<void>;
  /** Those of the others whom the user himself has blocked. Only for what he is told of his own doings. */
  blockedAmong(userId: string, others: readonly string[]): Promise<ReadonlySet<string>>;
  /** Of the marks of a chat's members, those that the viewer may know: in a closed chat his own. */
  marksFor<M extends { user: { toHexString(): string } }>(
    viewerId: string,
    chatId: string,
    marks: readonly M[],
  ): Promise<readonly M[]>;
};

/** The two of a direct chat, as its key has them; null for a group. They never change. */
type Pair = readonly [string, string] | null;
type Known = { pair: Pair };

const CHATS_KEPT = 100_000;

export function createBlockGate(deps: {
  chats: Pick<ChatModel, 'findById' | 'findDirect'>;
  blocks: PairBook;
  blockModel: Pick<BlockModel, 'madeAmong'>;
}): BlockGate {
  const { chats, blocks } = deps;
  const known = new LRUCache<string, Known>({ max: CHATS_KEPT });

  async function pairOf(chatId: string): Promise<Pair> {
    const kept = known.get(chatId);
    if (kept !== undefined) return kept.pair;
    const chat = await chats.findById(chatId);
    if (chat === null) return null;
    const [a, b] = chat.directKey?.split(':') ?? [];
    const pair: Pair = a === undefined || b === undefined ? null : [a, b];
    known.set(chatId, { pair });
    return pair;
  }

  /** Undefined: it has to be read. */
  function peek(chatId: string): boolean | undefined {
    const kept = known.get(chatId);
    if (kept === undefined) return undefined;
    if (kept.pair === null) return false;
    const [a, b] = kept.pair;
    return blocks.peek(a)?.has(b) ?? blocks.peek(b)?.has(a);
  }

  async function read(chatId: string): Promise<boolean> {
    const pair = await pairOf(chatId);
    return pair !== null && blocks.has(...pair);
  }

  const isClosed = async (chatId: string): Promise<boolean> => peek(chatId) ?? read(chatId);
  const refuse = (): never => {
    throw forbidden('You can’t write to each other.');
  };

  return {
    isClosed,
    assertOpen: (chatId) => {
      const closed = peek(chatId);
      if (closed === undefined) return read(chatId).then((now) => (now ? refuse() : undefined));
      return closed ? refuse() : undefined;
    },
    assertMayOpen: async (a, b) => {
      if (!(await blocks.has(a, b))) return;
      if ((await chats.findDirect(directKeyOf(a, b))) === null) refuse();
    },
    assertAddable: async (userId, others) => {
      const blocked = await blocks.idsOf(userId);
      if (others.some((id) => blocked.has(id))) throw forbidden('You can’t add one of these people.');
    },
    blockedAmong: async (userId, others) => {
      const paired = await blocks.idsOf(userId);
      const candidates = others.filter((id) => paired.has(id));
      return new Set(candidates.length === 0 ? [] : await deps.blockModel.madeAmong(userId, candidates));
    },
    marksFor: async (viewerId, chatId, marks) =>
      (await isClosed(chatId)) ? marks.filter(({ user }) => user.toHexString() === viewerId) : marks,
  };
}
