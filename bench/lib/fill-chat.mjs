/** Long histories made quickly: copies of one real message, written beside the server while it is not running. */

const BATCH = 1000;
const SECONDS_APART = 30;

/**
 * Gives a chat `count` messages, seq and rev 1 … count, copied from a message that was sent through the server.
 * @param {import('mongodb').Db} db
 * @param {import('mongodb').ObjectId} chatId
 * @param {number} count
 */
export async function fillChat(db, chatId, count) {
  const messages = db.collection('messages');
  const sample = await messages.findOne({ messageType: 'text' });
  if (sample === null)
    throw new Error('Send one message through the server first: its document is the pattern.');
  const { _id, clientMessageId: _once, ...pattern } = sample;
  await messages.deleteMany({ chat: chatId });

  const end = Date.now();
  const timeOf = (seq) => new Date(end - (count - seq) * SECONDS_APART * 1000);
  for (let first = 1; first <= count; first += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - first + 1) }, (_, index) => {
      const seq = first + index;
      const at = timeOf(seq);
      return {
        ...pattern,
        chat: chatId,
        seq,
        rev: seq,
        createdAt: at,
        ...(pattern.updatedAt && { updatedAt: at }),
      };
    });
    await messages.insertMany(batch, { ordered: false });
  }
  await db
    .collection('chats')
    .updateOne({ _id: chatId }, { $set: { seq: count, rev: count, lastMessageAt: new Date(end) } });
}
