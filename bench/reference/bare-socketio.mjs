/** Control (a): bare Socket.IO, no database. */
import { startChatServer } from './chat-server.mjs';

startChatServer(null);
