/** Parley under test: its environment, and people and chats made through its own API. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';

const MAIN = '../dist/src/main.js';
const AT_ONCE = 16;
const NO_LIMITS = {
  RATE_LIMIT_SCALE: '100000',
  SOCKET_EVENTS_PER_MINUTE: '1000000',
  MAX_SOCKETS_PER_USER: '10000',
  MAX_CONNECTIONS_PER_IP: '1000000',
};
const SECRETS = Object.fromEntries(
  ['ACCESS_TOKEN_SECRET', 'REFRESH_TOKEN_SECRET'].map((name) => [name, randomBytes(48).toString('base64')]),
);

/**
 * Starts Parley as in production, limits aside.
 * @param {object} stage
 * @param {{ database: string, nodeArgs?: string[], env?: object }} options
 */
export async function startParley(stage, { database, nodeArgs = [], env = {} }) {
  const engine = await stage.getEngine();
  const data = path.join(stage.folder, database);
  const server = await stage.startServer({
    name: 'Parley',
    file: MAIN,
    nodeArgs,
    env: {
      NODE_ENV: 'production',
      EMBEDDED: 'allow',
      EMAIL_VERIFICATION: 'off',
      MONGODB_URI: engine.uriFor(database),
      DATA_DIR: data,
      UPLOAD_PATH: path.join(data, 'uploads'),
      LOG_DIR: path.join(data, 'logs'),
      ...NO_LIMITS,
      ...SECRETS,
      ...env,
    },
  });
  return { ...server, databasePid: engine.pid };
}

/**
 * Registers people and makes their chats, by a server of its own whose passwords cost next to nothing.
 * @param {{ database: string, count: number, chats: number[][] }} scene `chats`: indexes of people; two make a direct chat
 * @returns {Promise<{ tokens: string[], chatIds: string[] }>}
 */
export async function makeScene(stage, { database, count, chats }) {
  const server = await startParley(stage, { database, env: { NODE_ENV: 'test', BCRYPT_COST: '4' } });
  const call = createCaller(server.target);
  const people = await mapAtOnce(Array.from({ length: count }), async (_, index) => {
    const username = `bench_${String(index).padStart(5, '0')}`;
    const body = { username, email: `${username}@example.org`, password: 'Bench-password-1' };
    const { user, token } = await call('/api/auth/register', { body });
    return { id: user._id, token };
  });
  const chatIds = await mapAtOnce(chats, async ([owner, ...others]) => {
    const ids = others.map((index) => people[index].id);
    const body = ids.length === 1 ? { userId: ids[0] } : { users: ids, chatName: 'Bench group' };
    return (await call('/api/chats', { body, token: people[owner].token }))._id;
  });
  await server.stop();
  return { tokens: people.map(({ token }) => token), chatIds };
}

/** Posts JSON and answers `data`; anything but success is an error. */
export function createCaller({ host, port }) {
  return async (urlPath, { body, token }) => {
    const response = await fetch(`http://${host}:${port}${urlPath}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`POST ${urlPath}: ${response.status} ${JSON.stringify(answer)}`);
    return answer.data;
  };
}

async function mapAtOnce(items, work) {
  const results = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index], index);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}
