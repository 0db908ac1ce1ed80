import { randomUUID } from 'node:crypto';
import type { ChatView, MessageView, ReadMark } from '../../src/contract/views.js';
import { createChatClient, type ChatClient } from './chat-client.js';
import { createChatModel, type Attempt, type ChatModel } from './order-model.js';
import { devices, names, type Door, type Name, type Op, type Place } from './order-script.js';
import { scene, type Envelope, type Person } from './scene.js';
import type { TestServer } from './server.js';

/** The people, their devices and the two chats on two nodes, and how each of the things that may happen is done. */
export type World = {
  readonly people: Record<Name, Person>;
  readonly chatIds: Record<Place, string>;
  readonly clients: readonly ChatClient[];
  readonly models: Record<Place, ChatModel>;
  readonly attempts: ReadonlyMap<string, Attempt>;
  readonly members: Set<Name>;
  urlOf(node: number): string;
  /** Does it; what the server answers is noted. `sure`: whose place in the group nobody changes meanwhile. */
  perform(op: Op, sure: (who: Name) => boolean): Promise<void>;
  /** Sends again what was neither acknowledged nor refused, as a client does whose connection broke. */
  finishLost(): Promise<void>;
  /** All messages of a chat from the one after `seq` on, as this person gets them by pages of `limit`. */
  pages(
    who: Name,
    place: Place,
    options: { after: number; limit: number; node: number },
  ): Promise<MessageView[]>;
  chatList(who: Name, node: number): Promise<ChatView[]>;
  close(): void;
};

export async function createWorld(servers: readonly TestServer[]): Promise<World> {
  const urlOf = (node: number): string => servers[node % servers.length]?.url ?? '';
  const stage = scene({ url: urlOf(0) });
  const people = await stage.people(...names);
  const { ann, bob, cyd, dan } = people;
  const [group, direct] = await Promise.all([stage.group(ann, [bob, cyd, dan]), stage.direct(ann, bob)]);
  const chatIds: Record<Place, string> = { group: group._id, direct: direct._id };
  const clients = devices.map(({ name }) => createChatClient(people[name]));
  await Promise.all(clients.map((client, index) => client.connect(urlOf(devices[index]?.node ?? 0))));
  const attempts = new Map<string, Attempt>();
  const idOf = (name: Name): string => people[name].id;
  const models = { group: createChatModel(idOf, attempts), direct: createChatModel(idOf, attempts) };
  const members = new Set<Name>(['ann', 'bob', 'cyd', 'dan']);
  const inDirect = (who: Name): boolean => who === 'ann' || who === 'bob';
  const mayPost = (who: Name, place: Place): boolean =>
    place === 'direct' ? inDirect(who) : members.has(who);

  /** By a live socket of that person if there is one and he wants to, else by REST. Null: the answer was lost. */
  async function ask<T>(
    who: Name,
    by: { door: Door; node: number },
    request: { event: string; path: string; body: object; alone?: boolean },
  ): Promise<Envelope<T> | null> {
    const own = clients.filter(({ person, ear }) => person === people[who] && ear !== null);
    const client = own[by.node % Math.max(1, own.length)];
    if (by.door === 'rest' || client === undefined)
      return (await people[who].rest<T>('POST', request.path, request.body, urlOf(by.node))).body;
    const answer = await client.ear?.asks<T>(request.event, request.body).catch(() => null);
    const message = answer?.success === true ? (answer.data as MessageView | ReadMark) : null;
    if (message !== null && '_id' in message) client.take(message, { alone: request.alone === true });
    return answer ?? null;
  }

  async function transmit(
    attempt: Attempt,
    by: { door: Door; node: number; alone?: boolean },
    text: string,
  ): Promise<boolean> {
    const { who, place, clientMessageId } = attempt;
    const body = { chatId: chatIds[place], content: text, clientMessageId };
    const answer = await ask<MessageView>(who, by, {
      ...{ event: 'message:send', path: '/api/messages', body, alone: by.alone === true },
    });
    if (answer === null) return false;
    if (answer.success) attempt.acknowledged.push(answer.data);
    else if (answer.error.code === 'NOT_FOUND') attempt.refused = true;
    else throw new Error(`${who} could not send: ${answer.error.code} ${answer.message}`);
    return answer.success;
  }

  /** The answer that membership commands, where nobody comes or goes meanwhile. */
  function assertAllowed(attempt: Attempt, taken: boolean, sure: boolean): void {
    const may = mayPost(attempt.who, attempt.place);
    if (sure && may && attempt.refused) throw new Error(`${attempt.who} is a member, and was refused`);
    if (sure && !may && taken)
      throw new Error(`${attempt.who} is no member, and “${attempt.text}” was taken`);
  }

  async function send(op: Extract<Op, { do: 'send' }>, sure: boolean): Promise<void> {
    const { who, place } = op;
    const text = `${who} ${attempts.size}`;
    const attempt: Attempt = {
      clientMessageId: randomUUID(),
      text,
      who,
      place,
      acknowledged: [],
      refused: false,
    };
    attempts.set(attempt.clientMessageId, attempt);
    const twin = op.twin === 'none' ? [] : [transmit(attempt, { door: op.twin, node: op.node + 1 }, text)];
    const taken = await Promise.all([transmit(attempt, { ...op, alone: twin.length === 0 }, text), ...twin]);
    if (op.again) await transmit(attempt, { door: op.door, node: op.node + 1 }, text);
    assertAllowed(attempt, taken.includes(true), sure);
  }

  async function resend(op: Extract<Op, { do: 'resend' }>, sure: (who: Name) => boolean): Promise<void> {
    const earlier = [...attempts.values()].filter(({ acknowledged }) => acknowledged.length > 0);
    const attempt = earlier[op.which % Math.max(1, earlier.length)];
    if (attempt === undefined) return;
    const taken = await transmit(attempt, op, `${attempt.text}, but changed`);
    if (taken && attempt.place === 'group' && sure(attempt.who) && !members.has(attempt.who))
      throw new Error(`${attempt.who} is no member, and could send again`);
  }

  async function read(op: Extract<Op, { do: 'read' }>, sure: boolean): Promise<void> {
    const { who, place } = op;
    const chatId = chatIds[place];
    const seq =
      Math.floor((models[place].history.length * op.thousandth) / 1_000) + (op.thousandth > 1_000 ? 5 : 0);
    const path = `/api/chats/${chatId}/read`;
    const answer = await ask<ReadMark>(who, op, { event: 'message:read', path, body: { chatId, seq } });
    if (answer?.success === true) models[place].read(who, answer.data.seq);
    else if (answer !== null && sure && mayPost(who, place))
      throw new Error(`${who} could not read: ${answer.message}`);
    // Lost on the way: it may have been done. It is asked again, which changes nothing if so.
    else if (answer === null) await read({ ...op, door: 'rest' }, sure);
  }

  async function change(who: Name, method: string, path: string, options: { node: number; body?: object }) {
    const url = `/api/chats/${chatIds.group}/members${path}`;
    const { status, body } = await people[who].rest(method, url, options.body, urlOf(options.node));
    if (status !== 200 && status !== 404)
      throw new Error(`${method} ${path} by ${who}: ${status} ${body.message}`);
  }

  async function perform(op: Op, sure: (who: Name) => boolean): Promise<void> {
    switch (op.do) {
      case 'send':
        return send(op, op.place === 'direct' || sure(op.who));
      case 'resend':
        return resend(op, sure);
      case 'read':
        return read(op, op.place === 'direct' || sure(op.who));
      case 'add':
        return change('ann', 'POST', '', { node: op.node, body: { users: [people[op.whom].id] } });
      case 'remove':
        return change('ann', 'DELETE', `/${people[op.whom].id}`, { node: op.node });
      case 'leave':
        return change(op.who, 'DELETE', `/${people[op.who].id}`, { node: op.node });
      case 'drop':
        return clients[op.device]?.disconnect();
      case 'back':
      case 'sync': {
        const client = clients[op.device];
        if (client === undefined) return;
        if (op.do === 'back' && client.ear === null) await client.connect(urlOf(op.node));
        await client.sync(Object.values(chatIds));
      }
    }
  }

  return {
    ...{ people, chatIds, clients, models, attempts, members, urlOf, perform },
    finishLost: async () => {
      for (const attempt of attempts.values()) {
        if (attempt.acknowledged.length === 0 && !attempt.refused)
          await transmit(attempt, { door: 'rest', node: 0 }, attempt.text);
      }
    },
    pages: async (who, place, { after, limit, node }) => {
      const messages: MessageView[] = [];
      for (let before = ''; ;) {
        const query = `/api/messages/${chatIds[place]}?limit=${limit}${before}`;
        const answer = await people[who].rest<{ messages: MessageView[]; nextCursor: string | null }>(
          ...(['GET', query, undefined, urlOf(node)] as const),
        );
        if (answer.status !== 200) throw new Error(`${who} gets ${answer.status} for the history`);
        const page = answer.body.data;
        messages.unshift(...page.messages.filter(({ seq }) => seq > after));
        const whole = page.nextCursor === null || (page.messages[0]?.seq ?? 0) <= after + 1;
        if (whole) return messages;
        before = `&before=${page.nextCursor ?? ''}`;
      }
    },
    chatList: async (who, node) =>
      (await people[who].rest<{ chats: ChatView[] }>('GET', '/api/chats', undefined, urlOf(node))).body.data
        .chats,
    close: stage.close,
  };
}
