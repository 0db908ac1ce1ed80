import { trusted, type Model, type QueryFilter } from 'mongoose';

/**
 * Keeps a log short where no TTL monitor runs (the embedded engine has none): deletes documents older than `before`,
 * the oldest first and at most `most` at a time, along an index on `field`. Called beside each insert, it keeps up with
 * what comes in, and costs one look into the index when nothing is due.
 */
export async function trimOlder<T extends { _id: unknown }>(
  model: Model<T>,
  { field, before, most = 100 }: { field: keyof T & string; before: Date; most?: number },
): Promise<void> {
  const due = await model
    .find({ [field]: trusted({ $lt: before }) } as QueryFilter<T>, { _id: 1 })
    .sort({ [field]: 1 })
    .limit(most)
    .lean<{ _id: unknown }[]>()
    .exec();
  if (due.length === 0) return;
  await model.deleteMany({ _id: trusted({ $in: due.map(({ _id }) => _id) }) } as QueryFilter<T>);
}
