/**
 * The bare Socket.IO server under both controls: answers `message:send` and tells the chat's room; no authentication,
 * validation, membership, numbering or deduplication. A handshake says who one is and which room one is in.
 */
import { createServer } from 'node:http';
import { ObjectId } from 'mongodb';
import { Server } from 'socket.io';
import { documentOf, makeMessage, SENT } from './message-shape.mjs';

const MAX_PAYLOAD_BYTES = 1024 * 1024;

/** @param {null | ((document: object) => Promise<void>)} store what to await before anyone is told; null: nothing */
export function startChatServer(store) {
  const server = createServer((_request, response) => response.end('ready'));
  const io = new Server(server, {
    transports: ['websocket'],
    perMessageDeflate: false,
    serveClient: false,
    maxHttpBufferSize: MAX_PAYLOAD_BYTES,
  });
  let seq = 0;

  io.on('connection', (socket) => {
    const { user, chatId } = socket.handshake.auth;
    if (chatId) socket.join(chatId);

    socket.on('message:send', (input, acknowledge) => {
      const id = new ObjectId();
      const createdAt = new Date();
      const message = makeMessage({ id: id.toString(), seq: ++seq, sender: user, input, createdAt });
      const tell = () => {
        acknowledge({ success: true, message: SENT, data: message });
        socket.to(input.chatId).emit('message:new', { chatId: input.chatId, message });
      };
      if (store === null) tell();
      else void store(documentOf(id, message, createdAt)).then(tell);
    });
  });

  process.on('SIGTERM', () => process.exit(0));
  server.listen(Number(process.env.PORT), process.env.HOST);
}
