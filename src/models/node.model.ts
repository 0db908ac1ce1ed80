import { Schema, trusted, type Connection } from 'mongoose';

/** A process that uses this database: so that two that can't hear each other find out (app/sole-process.ts). */
export type NodeDoc = {
  _id: string;
  keyStore: 'memory' | 'redis';
  host: string;
  pid: number;
  aliveAt: Date;
};

const schema = new Schema<NodeDoc>(
  {
    _id: { type: String, required: true },
    keyStore: { type: String, required: true },
    host: { type: String, required: true },
    pid: { type: Number, required: true },
    aliveAt: { type: Date, required: true },
  },
  { versionKey: false, collection: 'nodes' },
);

export function createNodeModel(connection: Connection) {
  const model = connection.model<NodeDoc>('Node', schema);
  return {
    model,
    beat: async (node: NodeDoc): Promise<void> => {
      await model.updateOne({ _id: node._id }, { $set: node }, { upsert: true });
    },
    findOthers: (id: string): Promise<NodeDoc[]> =>
      model
        .find({ _id: trusted({ $ne: id }) })
        .lean<NodeDoc[]>()
        .exec(),
    delete: async (...ids: string[]): Promise<void> => {
      await model.deleteMany({ _id: trusted({ $in: ids }) });
    },
  };
}

export type NodeModel = ReturnType<typeof createNodeModel>;
