import type { Logger } from '../platform/logging/logger.js';
import type { ChatModel, SettledMove } from '../models/chat.model.js';
import type { Id } from '../models/ids.js';
import type { MemberModel } from '../models/member.model.js';
import type { MessageDoc, MessageModel } from '../models/message.model.js';

/**
 * Carries the chats' settled counters and the senders' read marks after the messages, in the background.
 *
 * Invariant: a chat's counters stand at (rev, seq) only when every message up to there has moved its sender's read mark.
 * So the marks are written first, and the counters move only from where they are expected to stand; when they stand
 * elsewhere (another node moved them, or one died before it could) the messages between are read and settled anew.
 * Every step may be repeated, so dying between two of them harms nothing.
 */
export type MessageSettler = {
  /** A message was stored by this process. */
  note(message: MessageDoc): void;
  /** A reader found counters lagging that nobody here is about to move (a process died): settle this chat from the messages. */
  repair(chat: Id): void;
  /** Settles what is noted; resolves when it is written. */
  settle(): Promise<void>;
  close(): Promise<void>;
};

type Noted = {
  chat: Id;
  fromRev: number;
  rev: number;
  seq: number;
  at: Date;
  /** Sender → his newest seq. */
  senders: Map<string, { user: Id; seq: number }>;
};

type Deps = {
  chats: Pick<ChatModel, 'settle' | 'findById'>;
  members: Pick<MemberModel, 'settleSenders'>;
  messages: Pick<MessageModel, 'changedSince'>;
  logger: Logger;
  /** How long after a message its counters may lag. */
  intervalMs?: number;
};

const REPAIR_PAGE = 1_000;

export function createMessageSettler(deps: Deps): MessageSettler {
  let noted = new Map<string, Noted>();
  const repairs = new Map<string, Id>();
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | null = null;

  function wake(): void {
    timer ??= setTimeout(() => {
      timer = null;
      void settle();
    }, deps.intervalMs ?? 2_000).unref();
  }

  function settle(): Promise<void> {
    running = running.then(run, run).catch((error: unknown) => {
      deps.logger.warn('counters could not be settled; they are settled with the next message', { error });
    });
    return running;
  }

  async function run(): Promise<void> {
    const batch = [...noted.values()];
    const broken = [...repairs.values()];
    noted = new Map();
    repairs.clear();
    if (batch.length > 0) {
      await deps.members.settleSenders(marksOf(batch));
      const moved = await deps.chats.settle(batch.map(moveOf));
      // Which ones did not move is not told, so all are looked at again: rare (another node, or a crash).
      if (moved < batch.length) broken.push(...batch.map((item) => item.chat));
    }
    for (const chat of broken) await settleFromMessages(chat);
  }

  /** Reads what lies beyond the counters and moves them over it, page by page. */
  async function settleFromMessages(chat: Id): Promise<void> {
    for (;;) {
      const current = await deps.chats.findById(chat.toHexString());
      if (current === null) return;
      const messages = await deps.messages.changedSince(chat, current.rev, REPAIR_PAGE);
      if (messages.length === 0) return;
      const item = newItem(chat, current.rev, current.seq);
      for (const message of messages) add(item, message);
      await deps.members.settleSenders(marksOf([item]));
      await deps.chats.settle([moveOf(item)]);
      if (messages.length < REPAIR_PAGE) return;
    }
  }

  return {
    note: (message) => {
      const key = message.chat.toHexString();
      wake();
      if (repairs.has(key)) return;
      let item = noted.get(key);
      if (item === undefined) {
        item = newItem(message.chat, message.rev - 1, 0);
        noted.set(key, item);
      } else if (message.rev !== item.rev + 1) {
        // Another node wrote between: its senders are not ours to know, so this chat is settled from the messages.
        noted.delete(key);
        repairs.set(key, message.chat);
        return;
      }
      add(item, message);
    },
    repair: (chat) => {
      repairs.set(chat.toHexString(), chat);
      wake();
    },
    settle,
    close: async () => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      await settle();
    },
  };
}

function newItem(chat: Id, fromRev: number, seq: number): Noted {
  return { chat, fromRev, rev: fromRev, seq, at: new Date(0), senders: new Map() };
}

function add(item: Noted, message: MessageDoc): void {
  item.rev = Math.max(item.rev, message.rev);
  item.seq = Math.max(item.seq, message.seq);
  if (message.createdAt > item.at) item.at = message.createdAt;
  const sender = message.sender.toHexString();
  const known = item.senders.get(sender);
  if (known === undefined) item.senders.set(sender, { user: message.sender, seq: message.seq });
  else known.seq = Math.max(known.seq, message.seq);
}

function moveOf({ chat, fromRev, rev, seq, at }: Noted): SettledMove {
  return { chat, fromRev, rev, seq, at };
}

function marksOf(items: Noted[]): { chat: Id; user: Id; seq: number; at: Date }[] {
  return items.flatMap(({ chat, at, senders }) =>
    [...senders.values()].map(({ user, seq }) => ({ chat, user, seq, at })),
  );
}
