import { Schema, type Connection } from 'mongoose';
import { isDuplicateKey, newId, toId, type Id } from './ids.js';

/**
 * `seq`, `rev` and `lastMessageAt` are the *settled* counters: written in the background at most about a second after
 * the messages they count, and never ahead of them. The truth is the messages themselves; who reads the counters adds
 * the messages with a newer rev (chat.queries.ts). So storing a message writes one document, not two.
 */
export type ChatDoc = {
  _id: Id;
  isGroup: boolean;
  name: string;
  description: string;
  avatar: string | null;
  /** Direct chats only: the two ids, sorted, joined by ":". Unique, so a pair has one chat. */
  directKey?: string;
  seq: number;
  rev: number;
  lastMessageAt: Date | null;
  createdBy: Id;
  createdAt: Date;
  updatedAt: Date;
};

const schema = new Schema<ChatDoc>(
  {
    isGroup: { type: Boolean, required: true },
    name: { type: String, default: '' },
    description: { type: String, default: '' },
    avatar: { type: String, default: null },
    directKey: { type: String },
    seq: { type: Number, default: 0 },
    rev: { type: Number, default: 0 },
    lastMessageAt: { type: Date, default: null },
    createdBy: { type: Schema.Types.ObjectId, required: true },
    createdAt: { type: Date, required: true },
    updatedAt: { type: Date, required: true },
  },
  { versionKey: false, collection: 'chats' },
);
schema.index({ directKey: 1 }, { unique: true, partialFilterExpression: { directKey: { $type: 'string' } } });
schema.index({ lastMessageAt: -1 });

/** `ChatDoc.directKey` of a pair. */
export function directKeyOf(a: string, b: string): string {
  return a < b ? `${a}:${b}` : `${b}:${a}`;
}

/** How far a chat's settled counters moved; `fromRev` is what they must stand at for the move to be right. */
export type SettledMove = { chat: Id; fromRev: number; rev: number; seq: number; at: Date };

export function createChatModel(connection: Connection) {
  const model = connection.model<ChatDoc>('Chat', schema);

  const findById = (id: string): Promise<ChatDoc | null> => model.findById(toId(id)).lean<ChatDoc>().exec();

  return {
    model,
    findById,

    insertGroup: async (
      chat: Pick<ChatDoc, '_id' | 'name' | 'description' | 'createdBy'> & { at: Date },
    ): Promise<ChatDoc> => {
      const { at, ...fields } = chat;
      return (await model.create({ ...fields, isGroup: true, createdAt: at, updatedAt: at })).toObject();
    },

    findDirect: (key: string): Promise<ChatDoc | null> =>
      model.findOne({ directKey: key }).lean<ChatDoc>().exec(),

    /** The pair's chat, made if absent; `created` for one caller only, however many ask at once. */
    upsertDirect: async (pair: {
      key: string;
      by: Id;
      at: Date;
    }): Promise<{ chat: ChatDoc; created: boolean }> => {
      const existing = await model.findOne({ directKey: pair.key }).lean<ChatDoc>().exec();
      if (existing !== null) return { chat: existing, created: false };
      try {
        const made = await model.create({
          _id: newId(),
          isGroup: false,
          directKey: pair.key,
          createdBy: pair.by,
          createdAt: pair.at,
          updatedAt: pair.at,
        });
        return { chat: made.toObject(), created: true };
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
        const winner = await model.findOne({ directKey: pair.key }).lean<ChatDoc>().exec();
        if (winner === null) throw error;
        return { chat: winner, created: false };
      }
    },

    update: async (
      id: string,
      change: Partial<Pick<ChatDoc, 'name' | 'description'>>,
      at: Date,
    ): Promise<boolean> =>
      (await model.updateOne({ _id: toId(id) }, { $set: { ...change, updatedAt: at } })).matchedCount === 1,

    delete: async (id: string): Promise<boolean> =>
      (await model.deleteOne({ _id: toId(id) })).deletedCount === 1,

    /** Moves settled counters that stand where each move starts; answers how many did. */
    settle: async (moves: readonly SettledMove[]): Promise<number> => {
      const result = await model.collection.bulkWrite(
        moves.map((move) => ({
          updateOne: {
            filter: { _id: move.chat, rev: move.fromRev },
            update: { $set: { rev: move.rev }, $max: { seq: move.seq, lastMessageAt: move.at } },
          },
        })),
        { ordered: false },
      );
      return result.matchedCount;
    },
  };
}

export type ChatModel = ReturnType<typeof createChatModel>;
