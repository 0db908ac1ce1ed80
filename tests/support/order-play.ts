import { expect } from '@jest/globals';
import type { MessageView } from '../../src/contract/views.js';
import type { Models } from '../../src/models/index.js';
import type { ChatClient } from './chat-client.js';
import { eventually } from './eventually.js';
import { assertAttempts } from './order-model.js';
import { comesOrGoes, comers, devices, type Name, type Op, type Place } from './order-script.js';
import type { World } from './order-world.js';

/** How a story is played, and what is looked at after each of its scenes and at its end. */

const places: readonly Place[] = ['group', 'direct'];
const ids = (messages: readonly MessageView[]): string =>
  messages.map(({ seq, _id }) => `${seq}:${_id}`).join(' ');
const peopleIn = (world: World, place: Place): Name[] =>
  place === 'direct' ? ['ann', 'bob'] : [...world.members].sort();

/** What each side is told of each chat, on both nodes. */
async function assertCounts(world: World): Promise<void> {
  for (const node of [0, 1]) {
    await Promise.all(
      Object.keys(world.people).map(async (name) => {
        const who = name as Name;
        const list = await world.chatList(who, node);
        const expected = places.filter((place) => peopleIn(world, place).includes(who));
        if (list.length !== expected.length)
          throw new Error(`${who} sees ${list.length} chats on node ${node}, not ${expected.length}`);
        for (const place of expected) {
          const view = list.find(({ _id }) => _id === world.chatIds[place]);
          if (view === undefined) throw new Error(`${who} does not see the ${place} on node ${node}`);
          world.models[place].judge(who, view);
        }
      }),
    );
  }
}

/** Events of the group that this device has heard from `from` on, but for the news that he is out or in. */
function groupEvents(world: World, client: ChatClient, from: number): { event: string; seq: number }[] {
  return (client.ear?.heardSoFar.slice(from) ?? []).flatMap(({ event, payload }) => {
    const { chatId, message } = payload as { chatId?: string; message?: MessageView };
    if (chatId !== world.chatIds.group || event === 'chat:removed') return [];
    return [{ event, seq: message?.seq ?? 0 }];
  });
}

/** A device that must hear nothing more of the group, from this event on. */
export type Watch = { client: ChatClient; ear: ChatClient['ear']; from: number };

function assertSilence(world: World, watches: readonly Watch[]): void {
  for (const { client, ear, from } of watches) {
    if (client.ear !== ear) continue;
    const [heard] = groupEvents(world, client, from);
    if (heard !== undefined)
      throw new Error(
        `${client.person.name} is out of the group, and hears ${heard.event} (seq ${heard.seq})`,
      );
  }
}

/** Who was taken out in this group of things, and not put in, heard nothing that came after the note of it. */
function assertCutOff(
  world: World,
  who: Name,
  before: { length: number; from: ReadonlyMap<ChatClient, Watch> },
): void {
  const { name } = world.people[who];
  const note = world.models.group.history
    .slice(before.length)
    .find(
      ({ messageType, content }) =>
        messageType === 'system' && content.text?.match(`(removed ${name}|^${name} left)$`),
    );
  if (note === undefined) return;
  for (const [client, { ear, from }] of before.from) {
    if (client.person !== world.people[who] || client.ear !== ear) continue;
    const heard = groupEvents(world, client, from).find(({ seq }) => seq > note.seq);
    if (heard !== undefined)
      throw new Error(`${name} was out by seq ${note.seq}, and heard ${heard.event} (seq ${heard.seq})`);
  }
}

async function learnHistory(world: World): Promise<void> {
  for (const place of places) {
    const { history } = world.models[place];
    world.models[place].grow(await world.pages('ann', place, { after: history.length, limit: 50, node: 1 }));
  }
  assertAttempts(world.attempts.values(), (place) => world.models[place].history);
}

/** Who is in the group now, against what was asked. */
async function learnMembers(world: World, ops: readonly Op[], lengthBefore: number): Promise<void> {
  const { body } = await world.people.ann.rest<{ users: { id: string }[] }>(
    'GET',
    `/api/chats/${world.chatIds.group}`,
  );
  const now = new Set(body.data.users.map(({ id }) => id));
  for (const who of comers) {
    const asked = new Set(ops.filter((op) => comesOrGoes(op) === who).map((op) => op.do === 'add'));
    const [isIn, wasIn] = [now.has(world.people[who].id), world.members.has(who)];
    if (asked.size < 2 && isIn !== (asked.size === 0 ? wasIn : asked.has(true)))
      throw new Error(`${who} is ${isIn ? '' : 'not '}in the group, and nobody has asked for that`);
    if (isIn && asked.has(true)) world.models.group.joined(who, { wasIn, lengthBefore });
    if (!isIn && wasIn) world.models.group.left(who);
    if (isIn) world.members.add(who);
    else world.members.delete(who);
  }
}

/** Everything of one scene at once, then a look at it all. Answers the devices that must be silent from now on. */
export async function playScene(
  world: World,
  ops: readonly Op[],
  silent: readonly Watch[],
): Promise<Watch[]> {
  assertSilence(world, silent);
  const moving = new Set(ops.map(comesOrGoes));
  const stays = (who: Name): boolean => !moving.has(who);
  const touched = new Set<number>();
  const taken = ops.filter((op) => {
    if (op.do !== 'drop' && op.do !== 'back' && op.do !== 'sync') return true;
    const free = !touched.has(op.device);
    touched.add(op.device);
    return free;
  });
  const lengthBefore = world.models.group.history.length;
  const before = new Map(
    world.clients.map((client) => [
      client,
      { client, ear: client.ear, from: client.ear?.heardSoFar.length ?? 0 },
    ]),
  );

  await Promise.all(taken.map((op) => world.perform(op, stays)));
  await world.finishLost();
  await learnHistory(world);
  await learnMembers(world, ops, lengthBefore);
  // At once: nothing has been settled in the background yet.
  await assertCounts(world);

  const out: Watch[] = [];
  await Promise.all(
    world.clients.map(async (client, index) => {
      const who = devices[index]?.name ?? 'ann';
      if (client.ear === null) return;
      await client.settle();
      if (!world.members.has(who)) {
        const added = ops.some((op) => op.do === 'add' && op.whom === who);
        if (moving.has(who) && !added) assertCutOff(world, who, { length: lengthBefore, from: before });
        out.push({ client, ear: client.ear, from: client.ear.heardSoFar.length });
        return;
      }
      // Who was there all the time needs no sync: he has heard everything, or has it as an acknowledgement.
      if (moving.has(who) || touched.has(index)) {
        await client.sync(Object.values(world.chatIds));
        return;
      }
      await assertHas(world, client, who);
    }),
  );
  return out;
}

/** This device comes to have everything of its chats, and nothing else. */
async function assertHas(world: World, client: ChatClient, who: Name): Promise<void> {
  for (const place of places) {
    if (!peopleIn(world, place).includes(who)) continue;
    const expected = ids(world.models[place].history);
    await eventually(() => {
      const has = ids(client.has(world.chatIds[place]));
      if (has !== expected)
        throw new Error(`${who}’s device has of the ${place}: ${has}\nand not: ${expected}`);
    });
  }
}

const ownerOf = (world: World, client: ChatClient): Name =>
  devices[world.clients.indexOf(client)]?.name ?? 'ann';

async function annSays(world: World, place: Place): Promise<void> {
  await world.perform(
    { ...{ do: 'send', who: 'ann', place, door: 'rest', node: 0, twin: 'none', again: false } },
    () => true,
  );
}

/** Everybody is back, syncs, and has it all; who is out of the group is told so. */
async function allCatchUp(world: World): Promise<void> {
  await Promise.all(
    world.clients.map(async (client, index) => {
      const who = ownerOf(world, client);
      if (client.ear === null) await client.connect(world.urlOf(index));
      const lost = await client.sync(Object.values(world.chatIds));
      const out = places.filter((place) => !peopleIn(world, place).includes(who));
      expect(lost.sort()).toEqual(out.map((place) => world.chatIds[place]).sort());
      await assertHas(world, client, who);
    }),
  );
}

export async function theEnd(world: World, models: Models, silent: readonly Watch[]): Promise<void> {
  // Whoever is in hears this; whoever is out does not.
  await annSays(world, 'group');
  await learnHistory(world);
  const listening = world.clients.filter((client) => client.ear !== null);
  const inside = listening.filter((client) => world.members.has(ownerOf(world, client)));
  await Promise.all(inside.map((client) => assertHas(world, client, ownerOf(world, client))));
  await Promise.all(silent.map(({ client }) => client.settle()));
  assertSilence(world, silent);

  // Twice: what a sync answers must be right to go on from.
  await allCatchUp(world);
  for (const client of world.clients) client.disconnect();
  for (const place of places) await annSays(world, place);
  await learnHistory(world);
  await allCatchUp(world);

  for (const place of places) {
    const { history } = world.models[place];
    for (const [index, who] of Object.keys(world.people).entries()) {
      const reading = world.pages(who as Name, place, { after: 0, limit: 7, node: index });
      if (peopleIn(world, place).includes(who as Name)) expect(ids(await reading)).toBe(ids(history));
      else await expect(reading).rejects.toThrow('404');
    }
  }
  await eventually(async () => {
    for (const place of places) {
      const chat = await models.chats.findById(world.chatIds[place]);
      expect([chat?.seq, chat?.rev]).toEqual([
        world.models[place].history.length,
        world.models[place].history.length,
      ]);
    }
  });
  await assertCounts(world);
}
