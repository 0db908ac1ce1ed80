import { Schema, trusted, type Connection } from 'mongoose';
import type { NotificationKind } from '../contract/views.js';
import { isDuplicateKey, toId, type Id } from './ids.js';

/** Something that concerns one user. Its id says when, and is the order of the list. */
export type NotificationDoc = {
  _id: Id;
  user: Id;
  kind: NotificationKind;
  from: Id | null;
  chat?: Id;
  message?: Id;
  text?: string;
  /** Of what there can be but one, such as somebody's request; unique per user. */
  once?: string;
  readAt: Date | null;
};

const schema = new Schema<NotificationDoc>(
  {
    user: { type: Schema.Types.ObjectId, required: true },
    kind: { type: String, required: true },
    from: { type: Schema.Types.ObjectId, default: null },
    chat: { type: Schema.Types.ObjectId },
    message: { type: Schema.Types.ObjectId },
    text: { type: String },
    once: { type: String },
    readAt: { type: Date, default: null },
  },
  { versionKey: false, collection: 'notifications' },
);
schema.index({ user: 1, _id: -1 });
schema.index({ user: 1, readAt: 1, _id: -1 });
schema.index({ user: 1, once: 1 }, { unique: true, partialFilterExpression: { once: { $type: 'string' } } });

export function createNotificationModel(connection: Connection) {
  const model = connection.model<NotificationDoc>('Notification', schema);
  const since = (first: Id) => ({ _id: trusted({ $gte: first }) });

  return {
    model,

    /** In place of one with the same `once`. False when another has just been put there. */
    insert: async (notification: NotificationDoc): Promise<boolean> => {
      const { user, once } = notification;
      if (once !== undefined) await model.deleteOne({ user, once });
      try {
        await model.create(notification);
        return true;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    },

    /** The latest first, from the one after `before` on; none older than `first`. */
    page: (
      userId: string,
      page: { before?: string | undefined; first: Id; limit: number },
    ): Promise<NotificationDoc[]> =>
      model
        .find({
          user: toId(userId),
          _id: trusted(
            page.before === undefined ? { $gte: page.first } : { $gte: page.first, $lt: toId(page.before) },
          ),
        })
        .sort({ _id: -1 })
        .limit(page.limit)
        .lean<NotificationDoc[]>()
        .exec(),

    countUnread: (userId: string, first: Id): Promise<number> =>
      model.countDocuments({ user: toId(userId), readAt: null, ...since(first) }).exec(),

    /** `ids` absent: all. Answers how many were unread. */
    markRead: async (userId: string, at: Date, ids?: readonly string[]): Promise<number> => {
      const some = ids === undefined ? {} : { _id: trusted({ $in: ids.map(toId) }) };
      const result = await model.updateMany(
        { user: toId(userId), readAt: null, ...some },
        { $set: { readAt: at } },
      );
      return result.modifiedCount;
    },

    findOnce: (userId: string, once: string): Promise<NotificationDoc | null> =>
      model
        .findOne({ user: toId(userId), once })
        .lean<NotificationDoc>()
        .exec(),

    deleteOnce: async (userId: string, once: string): Promise<boolean> =>
      (await model.deleteOne({ user: toId(userId), once })).deletedCount === 1,

    /** Leaves the newest `keep`, and of these none older than `first`. */
    trim: async (userId: string, { keep, first }: { keep: number; first: Id }): Promise<void> => {
      const user = toId(userId);
      const [edge] = await model
        .find({ user }, { _id: 1 })
        .sort({ _id: -1 })
        .skip(keep)
        .limit(1)
        .lean<{ _id: Id }[]>()
        .exec();
      if (edge !== undefined) await model.deleteMany({ user, _id: trusted({ $lte: edge._id }) });
      await model.deleteMany({ user, _id: trusted({ $lt: first }) });
    },
  };
}

export type NotificationModel = ReturnType<typeof createNotificationModel>;
