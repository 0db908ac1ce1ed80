import type { Actor } from '../contract/actor.js';
import type { BlockGate } from './block.gate.js';
import type { ParleyFacts } from './facts.js';
import type { MemberService } from './member.service.js';

/** Who is typing where. Never stored; stops by itself, so a lost `typing:stop` does no harm. */
export type TypingService = {
  start(actor: Actor, chatId: string, socketId: string | null): Promise<void>;
  stop(actor: Actor, chatId: string, socketId: string | null): Promise<void>;
  close(): void;
};

const STOPS_AFTER_MS = 6_000;
/** A front end sends one per keystroke; the others hear it this often at most. */
const COALESCED_MS = 2_000;

type Typing = { timer: NodeJS.Timeout; toldAt: number };

export function createTypingService(deps: {
  members: MemberService;
  gate: BlockGate;
  facts: ParleyFacts;
  clock: () => number;
}): TypingService {
  const typing = new Map<string, Typing>();

  function tell(actor: Actor, chatId: string, told: { isTyping: boolean; socketId: string | null }): void {
    deps.facts.publish('typing.changed', { chatId, userId: actor.userId, username: actor.username, ...told });
  }

  function end(actor: Actor, chatId: string, socketId: string | null): void {
    const key = `${chatId}:${actor.userId}`;
    const known = typing.get(key);
    if (known === undefined) return;
    clearTimeout(known.timer);
    typing.delete(key);
    tell(actor, chatId, { isTyping: false, socketId });
  }

  return {
    start: async (actor, chatId, socketId) => {
      await deps.members.require(chatId, actor.userId);
      // Nobody is told, and nothing is said of why.
      if (await deps.gate.isClosed(chatId)) return;
      const key = `${chatId}:${actor.userId}`;
      const now = deps.clock();
      const known = typing.get(key);
      if (known !== undefined) clearTimeout(known.timer);
      const timer = setTimeout(() => end(actor, chatId, socketId), STOPS_AFTER_MS).unref();
      const due = known === undefined || now - known.toldAt >= COALESCED_MS;
      typing.set(key, { timer, toldAt: due ? now : known.toldAt });
      if (due) tell(actor, chatId, { isTyping: true, socketId });
    },
    stop: async (actor, chatId, socketId) => {
      await deps.members.require(chatId, actor.userId);
      end(actor, chatId, socketId);
    },
    close: () => {
      for (const { timer } of typing.values()) clearTimeout(timer);
      typing.clear();
    },
  };
}
