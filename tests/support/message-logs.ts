import type { Connection } from 'mongoose';
import { createModels, type Models } from '../../src/models/index.js';
import { newId, type Id } from '../../src/models/ids.js';
import { migrate } from '../../src/models/migrate.js';
import type { MessageDoc, MessageModel } from '../../src/models/message.model.js';
import { silentLogger } from '../../src/platform/logging/logger.js';
import {
  createMessageLog,
  type Appended,
  type Draft,
  type MessageLog,
} from '../../src/services/message.log.js';

/** Fates of an insert: it passes; fails with nothing stored; or is stored and its answer is lost. */
/** `vanish`: stored, the answer is lost, and nobody can ask what was stored. */
export type Fate = 'pass' | 'refuse' | 'lose' | 'vanish';

export type LogMessages = Pick<
  MessageModel,
  'insertBatch' | 'tails' | 'findMany' | 'findByClientMessageId' | 'findById'
>;

/** One node's log on the real model, and a record of what it did. */
export type LogNode = Readonly<{
  log: MessageLog<string>;
  /** What it told, in order, with the context it came with. */
  told: { message: MessageDoc; context: string }[];
  /** How many documents each insert held. */
  inserts: number[];
}>;

export async function modelsOn(connection: Connection): Promise<Models> {
  const models = createModels(connection);
  await migrate(models, silentLogger);
  return models;
}

/** `fate`: asked for each insert, counted from 0; what it answers happens to it. */
export function startLog(messages: LogMessages, fate: (insert: number) => Fate = () => 'pass'): LogNode {
  const told: LogNode['told'] = [];
  const inserts: number[] = [];
  let vanished = false;
  const log = createMessageLog<string>({
    messages: {
      ...messages,
      findMany: (asked) =>
        vanished ? Promise.reject(new Error('injected: no answer')) : messages.findMany(asked),
      insertBatch: async (documents, ordered) => {
        const what = fate(inserts.push(documents.length) - 1);
        if (what === 'refuse') throw new Error('injected: nothing was stored');
        const outcomes = await messages.insertBatch(documents, ordered);
        vanished = what === 'vanish';
        if (what === 'lose' || what === 'vanish')
          throw new Error('injected: stored, and the answer was lost');
        return outcomes;
      },
    },
    logger: silentLogger,
    clock: Date.now,
    onStored: (message, context) => void told.push({ message, context }),
  });
  return { log, told, inserts };
}

/** A message that says `text`, by somebody new unless told by whom. */
export function draft(chat: Id, text: string, more: Partial<Draft> = {}): Draft {
  return {
    ...{ _id: newId(), chat, sender: newId(), messageType: 'text', content: { text }, createdAt: new Date() },
    ...more,
  };
}

/** Appends so many at once, without waiting between them. */
export function appendMany(node: LogNode, chat: Id, { count, by }: { count: number; by: string }) {
  const sender = newId();
  return Promise.all(
    Array.from({ length: count }, (_, index) => {
      const text = `${by} ${index}`;
      return node.log.append(draft(chat, text, { sender }), text);
    }),
  );
}

export async function storedIn(models: Models, chat: Id): Promise<MessageDoc[]> {
  return models.messages.after(chat, 0, 100_000);
}

export const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);

/** What must hold of a chat whatever went wrong. Answers what is stored. */
export async function assertSound(
  models: Models,
  { chat, nodes, acknowledged }: { chat: Id; nodes: LogNode[]; acknowledged: Appended[] },
): Promise<MessageDoc[]> {
  const stored = await storedIn(models, chat);
  const fault = (what: string): never => {
    throw new Error(`${what}; stored: ${stored.map(({ seq, rev }) => `${seq}/${rev}`).join(' ')}`);
  };
  const numbers = range(1, stored.length).join();
  if (stored.map(({ seq }) => seq).join() !== numbers) fault('seq has a gap');
  if (stored.map(({ rev }) => rev).join() !== numbers) fault('rev has a gap, or another order than seq');
  const texts = stored.map(({ content }) => content.text);
  if (new Set(texts).size !== texts.length) fault('a message is stored twice');
  const byId = new Map(stored.map((message) => [message._id.toHexString(), message]));
  for (const { message } of acknowledged) {
    const found = byId.get(message._id.toHexString());
    if (found === undefined) fault(`“${message.content.text ?? ''}” was acknowledged and is not stored`);
    else if (found.seq !== message.seq || found.content.text !== message.content.text)
      fault(`“${message.content.text ?? ''}” was acknowledged as another message than is stored`);
  }
  for (const { told } of nodes) {
    const seqs = told.filter(({ message }) => message.chat.equals(chat)).map(({ message }) => message.seq);
    if (seqs.join() !== [...new Set(seqs)].sort((a, b) => a - b).join())
      fault(`a node told its messages out of order or twice: ${seqs.join(' ')}`);
  }
  return stored;
}
