/** Control (b): bare Socket.IO that stores each message in a batched, journaled insert first. `--mongo <uri>` */
import { parseArgs } from 'node:util';
import { openBatcher } from './batcher.mjs';
import { startChatServer } from './chat-server.mjs';

const { values } = parseArgs({ options: { mongo: { type: 'string' } } });
const batcher = await openBatcher(values.mongo);
startChatServer(batcher.insert);
