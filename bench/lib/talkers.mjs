/** The contenders of the socket benchmarks: a running server, a load process, everybody connected. */
import { hexId, makeUser } from '../reference/message-shape.mjs';
import { makeScene, startParley } from './parley.mjs';

/**
 * @typedef {{ name: string, server: object, load: object, databasePid: number | null }} Contender
 * @typedef {{ count: number, chats: number[][] }} Layout who is in which chat, by index; one chat each
 */

/** Control (a). @returns {Promise<Contender>} */
export async function bareSocketio(stage, layout) {
  const name = 'bare Socket.IO';
  const server = await stage.startServer({ name: 'bare-socketio', file: 'reference/bare-socketio.mjs' });
  return connectAll(stage, { name, server, databasePid: null, people: barePeople(layout) });
}

/** Control (b). @returns {Promise<Contender>} */
export async function bareInsert(stage, layout, database) {
  const engine = await stage.getEngine();
  const name = 'bare + insert';
  const server = await stage.startServer({
    name: 'bare-insert',
    file: 'reference/bare-insert.mjs',
    args: ['--mongo', engine.uriFor(`${database}_bare`)],
  });
  return connectAll(stage, { name, server, databasePid: engine.pid, people: barePeople(layout) });
}

/** @returns {Promise<Contender>} */
export async function parley(stage, layout, database) {
  const { tokens, chatIds } = await makeScene(stage, { database, ...layout });
  const server = await startParley(stage, { database });
  const people = tokens.map((token) => ({ auth: { token } }));
  layout.chats.forEach((members, chat) => {
    for (const index of members)
      Object.assign(people[index], { chatId: chatIds[chat], listeners: members.length - 1 });
  });
  return connectAll(stage, {
    name: 'Parley',
    server,
    databasePid: server.databasePid,
    people,
    waitFor: 'connection:established',
  });
}

export function barePeople({ count, chats }) {
  const people = Array.from({ length: count }, (_, index) => ({ auth: { user: makeUser(index) } }));
  chats.forEach((members, chat) => {
    for (const index of members) {
      people[index].chatId = hexId(chat);
      people[index].auth.chatId = hexId(chat);
      people[index].listeners = members.length - 1;
    }
  });
  return people;
}

async function connectAll(stage, { name, server, databasePid, people, waitFor }) {
  const load = stage.startLoad(server.name);
  await load.call('connect', { target: { ...server.target, waitFor }, people });
  return { name, server, load, databasePid };
}
