import type { MessageView } from '../../src/contract/views.js';
import type { Ear, Person } from './scene.js';

/** What a client of Parley does with what it gets: keeps by _id, orders by seq, catches up by `sync`. */
export type ChatClient = {
  readonly person: Person;
  readonly ear: Ear | null;
  connect(url: string): Promise<void>;
  disconnect(): void;
  /** Catches up with these chats, whole: one it has nothing of is named with rev 0. Answers the chats it has lost. */
  sync(chatIds: readonly string[]): Promise<string[]>;
  /** The acknowledgement of a message sent by this socket; `alone`: and by no other, so it is not told of it again. */
  take(message: MessageView, options: { alone: boolean }): void;
  /** What it has of a chat, in seq order. Throws when that can't be true (one message under two ids, a seq twice). */
  has(chatId: string): MessageView[];
  /** Resolves when all that was on its way to this socket has been heard. */
  settle(): Promise<void>;
};

type Sync = {
  chats: { chatId: string; rev: number; messages: MessageView[] }[];
  gone: string[];
  more: boolean;
};

export function createChatClient(person: Person): ChatClient {
  const chats = new Map<string, Map<string, MessageView>>();
  const revs = new Map<string, number>();
  let ear: Ear | null = null;
  let absorbed = 0;
  let live = new Set<string>();
  const own = new Set<string>();

  const fault = (what: string, message: MessageView): never => {
    const { seq, content } = message;
    throw new Error(`${person.name}’s client ${what}: seq ${seq}, “${content.text ?? ''}”`);
  };

  function keep(message: MessageView): void {
    const known = chats.get(message.chat) ?? new Map<string, MessageView>();
    chats.set(message.chat, known);
    const before = known.get(message._id);
    if (before === undefined) {
      for (const other of known.values()) {
        if (other.seq === message.seq) fault('got two messages with one seq', message);
        const { clientMessageId, sender } = message;
        if (
          clientMessageId !== null &&
          other.clientMessageId === clientMessageId &&
          other.sender.id === sender.id
        )
          fault('got one message under two ids', message);
      }
    } else if (before.seq !== message.seq || before.content.text !== message.content.text) {
      fault('got a message again, and it was another', message);
    }
    if (before === undefined || before.rev <= message.rev) known.set(message._id, message);
    // What is whole up to here need not be asked for again.
    const held = new Set([...known.values()].map(({ rev }) => rev));
    let rev = revs.get(message.chat) ?? 0;
    while (held.has(rev + 1)) rev += 1;
    revs.set(message.chat, rev);
  }

  function assertNotOwn(message: MessageView): void {
    if (own.has(message._id) && live.has(message._id)) fault('was told of what it has sent itself', message);
  }

  /** Takes in what was heard since the last look. */
  function absorb(): void {
    for (const { event, payload } of ear?.heardSoFar.slice(absorbed) ?? []) {
      absorbed += 1;
      if (event !== 'message:new') continue;
      const { message } = payload as { message: MessageView };
      if (live.has(message._id)) fault('heard one message twice', message);
      live.add(message._id);
      assertNotOwn(message);
      keep(message);
    }
  }

  return {
    person,
    get ear() {
      return ear;
    },
    connect: async (url) => {
      absorbed = 0;
      live = new Set();
      ear = await person.connects(url);
    },
    disconnect: () => {
      absorb();
      ear?.close();
      ear = null;
    },
    sync: async (chatIds) => {
      const lost: string[] = [];
      for (let more = ear !== null; more;) {
        const known = Object.fromEntries(
          chatIds.filter((chatId) => !lost.includes(chatId)).map((chatId) => [chatId, revs.get(chatId) ?? 0]),
        );
        const answer = await ear?.asks<Sync>('sync', { chats: known });
        if (answer?.success !== true)
          throw new Error(`${person.name} could not sync: ${answer?.message ?? ''}`);
        for (const { chatId, rev, messages } of answer.data.chats) {
          if (!(chatId in known)) continue;
          for (const message of messages) keep(message);
          revs.set(chatId, rev);
        }
        for (const chatId of answer.data.gone) {
          lost.push(chatId);
          revs.delete(chatId);
          chats.delete(chatId);
        }
        more = answer.data.more;
      }
      return lost;
    },
    take: (message, { alone }) => {
      if (alone) own.add(message._id);
      assertNotOwn(message);
      keep(message);
    },
    has: (chatId) => {
      absorb();
      return [...(chats.get(chatId)?.values() ?? [])].sort((a, b) => a.seq - b.seq);
    },
    settle: async () => {
      // Any answer will do: whatever was sent to this socket before it has come before it.
      await ear?.asks('presence:subscribe', { userIds: [person.id] });
    },
  };
}
