import { Schema, type Connection, type mongo } from 'mongoose';
import type { MessageType } from '../contract/views.js';
import { DUPLICATE_KEY, toId, type Id } from './ids.js';

/**
 * A stored message; what does not apply is absent, to keep a message of a million small.
 * (chat, seq) and (chat, rev) are unique: two writers can't take one number, so the numbers are handed out by insertion
 * alone, without a counter document and without gaps (see services/message.log.ts).
 */
export type MessageDoc = {
  _id: Id;
  chat: Id;
  seq: number;
  rev: number;
  sender: Id;
  messageType: MessageType;
  content: { text?: string };
  clientMessageId?: string;
  replyTo?: Id;
  mentions?: Id[];
  createdAt: Date;
  editedAt?: Date;
  deletedAt?: Date;
};

/** How one document of a batch fared. `taken`: another writer holds its seq or rev. `repeated`: its clientMessageId or _id is stored. */
export type InsertOutcome = 'stored' | 'taken' | 'repeated';

/** The newest numbers of a chat that are stored. */
export type Tail = { seq: number; rev: number };

const schema = new Schema<MessageDoc>(
  {
    chat: { type: Schema.Types.ObjectId, required: true },
    seq: { type: Number, required: true },
    rev: { type: Number, required: true },
    sender: { type: Schema.Types.ObjectId, required: true },
    messageType: { type: String, required: true },
    content: { type: new Schema({ text: String }, { _id: false }), default: () => ({}) },
    clientMessageId: { type: String },
    replyTo: { type: Schema.Types.ObjectId },
    mentions: { type: [Schema.Types.ObjectId], default: undefined },
    createdAt: { type: Date, required: true },
    editedAt: { type: Date },
    deletedAt: { type: Date },
  },
  { versionKey: false, collection: 'messages' },
);
schema.index({ chat: 1, seq: 1 }, { unique: true });
schema.index({ chat: 1, rev: 1 }, { unique: true });
schema.index({ chat: 1, createdAt: -1 });
schema.index(
  { chat: 1, sender: 1, clientMessageId: 1 },
  { unique: true, partialFilterExpression: { clientMessageId: { $type: 'string' } } },
);
schema.index({ sender: 1, chat: 1 });
schema.index({ 'content.text': 'text' }, { name: 'content_text' });
// Partial, so that a message without an end costs this index nothing.
schema.index(
  { expiresAt: 1 },
  { expireAfterSeconds: 0, partialFilterExpression: { expiresAt: { $type: 'date' } } },
);

type WriteError = { index: number; code: number; errmsg?: string; keyPattern?: Record<string, unknown> };

export function createMessageModel(connection: Connection) {
  const model = connection.model<MessageDoc>('Message', schema);
  const find = (filter: mongo.Filter<MessageDoc>) =>
    model.collection.find<MessageDoc>(filter as mongo.Filter<mongo.Document>);

  return {
    model,

    /**
     * Stores a batch in one command, journaled on a majority. `ordered`: nothing after the first failure is stored
     * (the outcomes end there). Speaks the insert command itself: the driver's insertMany encodes each document twice.
     */
    insertBatch: async (documents: readonly MessageDoc[], ordered: boolean): Promise<InsertOutcome[]> => {
      const db = connection.db;
      if (db === undefined) throw new Error('The database connection is not open.');
      const reply = await db.command({
        insert: model.collection.collectionName,
        documents,
        ordered,
        writeConcern: { w: 'majority', j: true },
      });
      const errors = (reply.writeErrors ?? []) as WriteError[];
      const outcomes: InsertOutcome[] = documents.map(() => 'stored');
      for (const error of errors) {
        outcomes[error.index] = outcomeOf(error);
        if (ordered) outcomes.length = error.index + 1;
      }
      return outcomes;
    },

    findById: (id: string): Promise<MessageDoc | null> => find({ _id: toId(id) }).next(),

    findMany: (ids: readonly string[]): Promise<MessageDoc[]> =>
      find({ _id: { $in: ids.map(toId) } }).toArray(),

    findByClientMessageId: (key: {
      chat: Id;
      sender: Id;
      clientMessageId: string;
    }): Promise<MessageDoc | null> => find(key).next(),

    /** The largest seq and rev stored in the chat, each one index seek; zeros for an empty chat. */
    tail: async (chat: Id): Promise<Tail> => {
      const [bySeq, byRev] = await Promise.all([
        find({ chat }).sort({ seq: -1 }).limit(1).project<{ seq: number }>({ seq: 1, _id: 0 }).next(),
        find({ chat }).sort({ rev: -1 }).limit(1).project<{ rev: number }>({ rev: 1, _id: 0 }).next(),
      ]);
      return { seq: bySeq?.seq ?? 0, rev: byRev?.rev ?? 0 };
    },

    /** `tail` of many chats in two commands, by chat id; chats without messages are left out. One index key read per chat. */
    tails: async (chats: readonly Id[]): Promise<Map<string, Tail>> => {
      const newest = (field: 'seq' | 'rev') =>
        model.collection
          .aggregate<{ _id: Id; newest: number }>([
            { $match: { chat: { $in: chats } } },
            { $sort: { chat: -1, [field]: -1 } },
            { $group: { _id: '$chat', newest: { $first: `$${field}` } } },
          ])
          .toArray();
      const [bySeq, byRev] = await Promise.all([newest('seq'), newest('rev')]);
      const revs = new Map(byRev.map((entry) => [entry._id.toHexString(), entry.newest]));
      return new Map(
        bySeq.map(({ _id, newest: seq }) => [
          _id.toHexString(),
          { seq, rev: revs.get(_id.toHexString()) ?? seq },
        ]),
      );
    },

    /** Up to `limit` messages with seq below `seq`, newest first: one index scan however long the history. */
    before: (chat: Id, seq: number, limit: number): Promise<MessageDoc[]> =>
      find({ chat, seq: { $lt: seq } })
        .sort({ seq: -1 })
        .limit(limit)
        .toArray(),

    /** Up to `limit` messages with seq above `seq`, oldest first. */
    after: (chat: Id, seq: number, limit: number): Promise<MessageDoc[]> =>
      find({ chat, seq: { $gt: seq } })
        .sort({ seq: 1 })
        .limit(limit)
        .toArray(),

    /** The seq of the last message made before (or `atOrBefore`) the date; 0 when there is none. */
    seqAtDate: async (chat: Id, date: Date, atOrBefore = false): Promise<number> => {
      const last = await find({ chat, createdAt: atOrBefore ? { $lte: date } : { $lt: date } })
        .sort({ createdAt: -1 })
        .limit(1)
        .project<{ seq: number }>({ seq: 1, _id: 0 })
        .next();
      return last?.seq ?? 0;
    },

    /** Messages changed after `rev`, in rev order. */
    changedSince: (chat: Id, rev: number, limit: number): Promise<MessageDoc[]> =>
      find({ chat, rev: { $gt: rev } })
        .sort({ rev: 1 })
        .limit(limit)
        .toArray(),

    /** `changedSince` for many chats in one query, by chat and then by rev, `limit` messages in all. */
    changedSinceMany: (marks: readonly { chat: Id; rev: number }[], limit: number): Promise<MessageDoc[]> =>
      marks.length === 0
        ? Promise.resolve([])
        : find({ $or: marks.map(({ chat, rev }) => ({ chat, rev: { $gt: rev } })) })
            .sort({ chat: 1, rev: 1 })
            .limit(limit)
            .toArray(),

    deleteByChat: async (chatId: string): Promise<void> => {
      await model.deleteMany({ chat: toId(chatId) });
    },
  };
}

/** Which unique index refused: a number (chat, seq | rev) is another writer's, anything else is this message itself. */
function outcomeOf(error: WriteError): InsertOutcome {
  if (error.code !== DUPLICATE_KEY) throw new Error(`The database refused a message (code ${error.code}).`);
  const key = error.keyPattern ?? {};
  return 'seq' in key || 'rev' in key ? 'taken' : 'repeated';
}

export type MessageModel = ReturnType<typeof createMessageModel>;
