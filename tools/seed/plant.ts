import type { ChatView, MessageView } from '../../src/contract/views.js';
import { closeAccounts, openAccounts, type Account, type Person } from '../client/accounts.js';
import type { Addresses } from '../client/addresses.js';
import type { Rest } from '../client/rest.js';
import { readHistory } from '../replay/history.js';
import type { Line, Plot } from './story.js';

export type Planted = { name: string; messages: number; isNew: boolean; added: number };

type Deps = { rest: Rest; addresses: Addresses };

/** Signs people in when they are needed first, and all together where several are. */
type Guests = {
  of(people: readonly Person[]): Promise<Account[]>;
  leave(): Promise<void>;
};

/**
 * Makes what is missing of the story, by the same doors as any client. What is there already is found (people by username,
 * groups by name among the owner's, messages by clientMessageId), so doing it twice changes nothing.
 */
export async function plant(plots: readonly Plot[], { rest, addresses }: Deps): Promise<Planted[]> {
  const guests = createGuests(rest, addresses);
  const planted: Planted[] = [];
  for (const plot of plots) planted.push(await plantChat(plot, { rest, guests }));
  await guests.leave();
  return planted;
}

function createGuests(rest: Rest, addresses: Addresses): Guests {
  const inside = new Map<Person, Account>();
  return {
    of: async (people) => {
      const outside = people.filter((person) => !inside.has(person));
      const opened = await openAccounts([rest], outside, { addresses, known: [...inside.values()] });
      outside.forEach((person, index) => inside.set(person, opened[index] as Account));
      return people.map((person) => inside.get(person) as Account);
    },
    leave: () => closeAccounts([rest], [...inside.values()]),
  };
}

type Ground = { rest: Rest; guests: Guests };

async function plantChat(plot: Plot, ground: Ground): Promise<Planted> {
  const { chatName, owner, others, lines } = plot;
  const [ownerAccount] = (await ground.guests.of([owner])) as [Account];
  const { chatId, isNew } = await chatOf(plot, ownerAccount, ground);
  const idOf = new Map<string, string>();
  for (const { _id, clientMessageId } of await readHistory(ground.rest, chatId, ownerAccount))
    if (clientMessageId !== null) idOf.set(clientMessageId, _id);
  const missing = lines.filter((line) => !idOf.has(line.clientMessageId));
  await ground.guests.of([...new Set(missing.map((line) => line.sender))]);
  for (const line of missing) idOf.set(line.clientMessageId, await say(line, { chatId, idOf, ...ground }));
  const name = chatName ?? `${owner.firstName} and ${others[0]?.firstName ?? ''}`;
  return { name, messages: lines.length, isNew, added: missing.length };
}

async function say(
  { clientMessageId, sender, text, answers }: Line,
  { rest, guests, chatId, idOf }: Ground & { chatId: string; idOf: ReadonlyMap<string, string> },
): Promise<string> {
  const [{ token }] = (await guests.of([sender])) as [Account];
  const replyTo = answers === null ? undefined : idOf.get(answers);
  const body = { chatId, content: text, clientMessageId, ...(replyTo === undefined ? {} : { replyTo }) };
  const { _id } = await rest.ask<MessageView>({ method: 'POST', path: '/api/messages', token, body });
  return _id;
}

async function chatOf(
  { chatName, others }: Plot,
  { id, token }: Account,
  { rest, guests }: Ground,
): Promise<{ chatId: string; isNew: boolean }> {
  if (chatName === null) {
    const [other] = (await guests.of(others)) as [Account];
    // Answers the pair's one chat, made now or long ago.
    const { _id, seq } = await rest.ask<ChatView>({
      ...{ method: 'POST', path: '/api/chats', token },
      body: { userId: other.id },
    });
    return { chatId: _id, isNew: seq === 0 };
  }
  const found = await groupNamed(chatName, { rest, token, ownerId: id });
  if (found !== null) return { chatId: found._id, isNew: false };
  const users = (await guests.of(others)).map((account) => account.id);
  const body = { users, chatName };
  const made = await rest.ask<ChatView>({ method: 'POST', path: '/api/chats', token, body });
  return { chatId: made._id, isNew: true };
}

async function groupNamed(
  name: string,
  { rest, token, ownerId }: { rest: Rest; token: string; ownerId: string },
): Promise<ChatView | null> {
  for (let cursor: string | null = ''; cursor !== null;) {
    const path = `/api/chats?limit=100${cursor === '' ? '' : `&cursor=${cursor}`}`;
    type Page = { chats: ChatView[]; nextCursor: string | null };
    const page: Page = await rest.ask<Page>({ method: 'GET', path, token });
    const found = page.chats.find(
      (chat) => chat.isGroupChat && chat.chatName === name && chat.groupAdmin === ownerId,
    );
    if (found !== undefined) return found;
    cursor = page.nextCursor;
  }
  return null;
}
