import { rest, type Ear, type Envelope, type Person } from './scene.js';

/** Everything that can be asked by REST and by socket alike: the route (under /api) and the event of the same action. */
export const bothDoors = {
  send: ['post', '/messages', 'message:send'],
  history: ['get', '/messages/:chatId', 'message:history'],
  changes: ['get', '/chats/:chatId/changes', 'chat:changes'],
  read: ['post', '/chats/:chatId/read', 'message:read'],
  delivered: ['post', '/chats/:chatId/delivered', 'message:delivered'],
  sync: ['post', '/sync', 'sync'],
  createChat: ['post', '/chats', 'chat:create'],
  listChats: ['get', '/chats', 'chat:list'],
  getChat: ['get', '/chats/:chatId', 'chat:get'],
  updateChat: ['patch', '/chats/:chatId', 'chat:update'],
  deleteChat: ['delete', '/chats/:chatId', 'chat:delete'],
  switchChat: ['patch', '/chats/:chatId/me', 'chat:switch'],
  addMembers: ['post', '/chats/:chatId/members', 'member:add'],
  removeMember: ['delete', '/chats/:chatId/members/:userId', 'member:remove'],
  setRole: ['patch', '/chats/:chatId/members/:userId', 'member:role'],
  searchUsers: ['get', '/users', 'user:search'],
  getUser: ['get', '/users/:id', 'user:get'],
  updateProfile: ['patch', '/users/me', 'user:update'],
  setStatus: ['put', '/users/me/status', 'presence:set'],
  requestContact: ['post', '/users/:id/friend-request', 'contact:request'],
  acceptContact: ['post', '/users/:id/friend-request/accept', 'contact:accept'],
  declineContact: ['post', '/users/:id/friend-request/decline', 'contact:decline'],
  removeContact: ['delete', '/users/:id/friend', 'contact:remove'],
  listContacts: ['get', '/users/friends', 'contact:list'],
  block: ['post', '/users/:id/block', 'user:block'],
  unblock: ['delete', '/users/:id/block', 'user:unblock'],
  listBlocks: ['get', '/users/blocks', 'user:blocks'],
  listNotifications: ['get', '/notifications', 'notification:list'],
  readNotifications: ['post', '/notifications/read', 'notification:read'],
} as const;

export type Capability = keyof typeof bothDoors;
export const capabilities = Object.keys(bothDoors) as Capability[];

/** By REST there is a status; a socket's acknowledgement has the body alone. */
export type Reply = { status: number | null; body: Envelope<unknown> };
export type Ask = (capability: Capability, input: Record<string, unknown>) => Promise<Reply>;

/** The path of a route for an input, and what of the input is left for the body or the query. */
export function routeOf(
  capability: Capability,
  input: Record<string, unknown>,
): { method: string; path: string; body?: Record<string, unknown> } {
  const [method, pattern] = bothDoors[capability];
  const left = { ...input };
  const filled = pattern.replace(/:(\w+)/g, (_, name: string) => {
    const value = left[name];
    delete left[name];
    return encodeURIComponent(asText(value));
  });
  const path = `/api${filled}`;
  if (method !== 'get') return { method: method.toUpperCase(), path, body: left };
  const given = Object.entries(left).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]): [string, string] => [name, asText(value)]));
  return { method: 'GET', path: given.length === 0 ? path : `${path}?${query.toString()}` };
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}

/** Asks as `person` by REST; null: as nobody. */
export function byRest(person: Pick<Person, 'token'> | null, url: string): Ask {
  return async (capability, input) => {
    const { method, path, body } = routeOf(capability, input);
    return rest(url, method, path, {
      ...(body === undefined ? {} : { body }),
      headers: person === null ? {} : { authorization: `Bearer ${person.token}` },
    });
  };
}

export function bySocket(ear: Ear): Ask {
  return async (capability, input) => ({
    status: null,
    body: await ear.asks(bothDoors[capability][2], input),
  });
}

/** Without what differs each time by its nature. */
export function withoutRequestId(body: Envelope<unknown>): unknown {
  return JSON.parse(JSON.stringify(body, (key, value: unknown) => (key === 'requestId' ? undefined : value)));
}
