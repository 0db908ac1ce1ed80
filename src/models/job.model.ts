import { Schema, trusted, type Connection } from 'mongoose';
import type { JobRecord, JobStore } from '../platform/queue/job-store.js';

/** A job of the in-process queue (no Redis). With a Redis the collection stays empty. */
export type JobDoc = {
  _id: string;
  name: string;
  queue: string;
  state: 'waiting' | 'active' | 'dead' | 'done';
  /** JSON; empty once it is done. */
  data: string;
  attempts: number;
  crashes: number;
  createdAt: Date;
  at: Date;
  reason: string | null;
};

const schema = new Schema<JobDoc>(
  {
    _id: { type: String, required: true },
    name: { type: String, required: true },
    queue: { type: String, required: true },
    state: { type: String, required: true },
    data: { type: String, default: '' },
    attempts: { type: Number, default: 0 },
    crashes: { type: Number, default: 0 },
    createdAt: { type: Date, required: true },
    at: { type: Date, required: true },
    reason: { type: String, default: null },
  },
  { versionKey: false, collection: 'jobs' },
);
schema.index({ queue: 1, state: 1, at: 1 });
schema.index({ state: 1, at: -1 });

const DUPLICATE_KEY = 11_000;

export function createJobModel(connection: Connection): JobStore & { model: ReturnType<typeof modelOn> } {
  const model = modelOn(connection);
  const change = async (id: string, set: Partial<JobDoc>, attempts: 0 | 1 = 0): Promise<void> => {
    await model.updateOne({ _id: id }, { $set: set, ...(attempts === 0 ? {} : { $inc: { attempts } }) });
  };
  return {
    model,
    insert: async ({ id, ...job }) => {
      try {
        await model.create({ _id: id, state: 'waiting', crashes: 0, ...job });
        return true;
      } catch (error) {
        if ((error as { code?: unknown }).code === DUPLICATE_KEY) return false;
        throw error;
      }
    },
    claim: async (queue, now) => {
      const found = await model
        .findOneAndUpdate(
          { queue, state: 'waiting', at: trusted({ $lte: now }) },
          { $set: { state: 'active' } },
          { sort: { at: 1 }, returnDocument: 'after' },
        )
        .lean<JobDoc>()
        .exec();
      return found === null ? null : recordOf(found);
    },
    nextDue: async (queue) => {
      const next = await model
        .findOne({ queue, state: 'waiting' }, { at: 1 })
        .sort({ at: 1 })
        .lean<Pick<JobDoc, 'at'>>();
      return next?.at ?? null;
    },
    finish: (id, now) => change(id, { state: 'done', data: '', reason: null, at: now }),
    retry: (id, at, reason) =>
      change(id, { state: 'waiting', at, ...(reason === null ? {} : { reason }) }, reason === null ? 0 : 1),
    bury: (id, now, reason) => change(id, { state: 'dead', at: now, reason }, 1),
    recover: async (now, maxCrashes) => {
      await model.updateMany({ state: 'active' }, { $set: { state: 'waiting' }, $inc: { crashes: 1 } });
      await model.updateMany(
        { state: 'waiting', crashes: trusted({ $gt: maxCrashes }) },
        { $set: { state: 'dead', at: now, reason: 'Its worker died under it too often.' } },
      );
    },
    dead: async (limit) => {
      const found = await model.find({ state: 'dead' }).sort({ at: -1 }).limit(limit).lean<JobDoc[]>().exec();
      return found.map(recordOf);
    },
    revive: async (id, now) => {
      const { modifiedCount } = await model.updateMany(
        { state: 'dead', ...(id === null ? {} : { _id: id }) },
        { $set: { state: 'waiting', at: now, attempts: 0, crashes: 0 } },
      );
      return modifiedCount;
    },
    discard: async (id) => (await model.deleteOne({ _id: id, state: 'dead' })).deletedCount === 1,
    counts: (now) => countsOf(model, now),
    sweep: async ({ done, dead }) => {
      await model.deleteMany({ state: 'done', at: trusted({ $lt: done }) });
      await model.deleteMany({ state: 'dead', at: trusted({ $lt: dead }) });
    },
    ping: async () => {
      await model.findOne({ _id: 'ping' }, { _id: 1 }).lean();
    },
  };
}

export type JobModel = ReturnType<typeof createJobModel>;

function modelOn(connection: Connection) {
  return connection.model<JobDoc>('Job', schema);
}

function recordOf({ _id, name, queue, data, attempts, createdAt, at, reason }: JobDoc): JobRecord {
  return { id: _id, name, queue, data, attempts, createdAt, at, reason };
}

async function countsOf(model: ReturnType<typeof modelOn>, now: Date) {
  const rows = await model.aggregate<{ _id: { queue: string; state: string; later: boolean }; n: number }>([
    { $match: { state: { $in: ['waiting', 'active', 'dead'] } } },
    { $group: { _id: { queue: '$queue', state: '$state', later: { $gt: ['$at', now] } }, n: { $sum: 1 } } },
  ]);
  const byQueue = new Map<string, { waiting: number; active: number; delayed: number; dead: number }>();
  for (const { _id: group, n } of rows) {
    const counts = byQueue.get(group.queue) ?? { waiting: 0, active: 0, delayed: 0, dead: 0 };
    byQueue.set(group.queue, counts);
    if (group.state === 'waiting') counts[group.later ? 'delayed' : 'waiting'] += n;
    else counts[group.state === 'dead' ? 'dead' : 'active'] += n;
  }
  return [...byQueue].map(([queue, counts]) => ({ queue, ...counts }));
}
