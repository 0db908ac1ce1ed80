/**
 * Bare Express 5: parses a JSON body and answers with a message; no authentication, no validation. With
 * `--mongo <uri>` it stores the message in a batched insert first.
 */
import { parseArgs } from 'node:util';
import express from 'express';
import { ObjectId } from 'mongodb';
import { openBatcher } from './batcher.mjs';
import { documentOf, makeMessage, makeUser, SENT } from './message-shape.mjs';

const { values } = parseArgs({ options: { mongo: { type: 'string' } } });
const batcher = values.mongo === undefined ? null : await openBatcher(values.mongo);
const sender = makeUser(1);
let seq = 0;

const app = express();
app.use(express.json());
app.get('/readyz', (_request, response) => response.send('ready'));
app.post('/api/messages', async (request, response) => {
  const id = new ObjectId();
  const createdAt = new Date();
  const data = makeMessage({ id: id.toString(), seq: ++seq, sender, input: request.body, createdAt });
  if (batcher !== null) await batcher.insert(documentOf(id, data, createdAt));
  response.status(201).json({ success: true, message: SENT, data });
});
process.on('SIGTERM', () => process.exit(0));
app.listen(Number(process.env.PORT), process.env.HOST);
