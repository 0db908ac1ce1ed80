import { setTimeout as pause } from 'node:timers/promises';
import type { Socket } from 'socket.io-client';
import type { ServerEvents } from '../../src/contract/events.js';
import type { MessageView } from '../../src/contract/views.js';
import { emitAcked, openSocket, Refused } from '../client/socket.js';
import { exitCode, Stop } from '../client/stop.js';

/** What one observer has by now. */
export type Observed = {
  name: string;
  /** In seq order, as a client shows them. */
  view: MessageView[];
  live: number;
  bySync: number;
  /** In a sync's answer and live as well, which a client merges by id: not two messages to the eye. */
  inBoth: number;
  /** The same message told live twice, or one line as two messages, or two messages in one place. */
  duplicates: number;
  /** Live events that came before one with a lower seq. */
  overtaken: number;
  leaves: number;
  /** Connections that the server or the net ended. */
  lost: number;
};

type Deps = {
  name: string;
  /** Where he connects: to the first, and to the next when it is away. */
  urls: readonly string[];
  token: string;
  from: string | undefined;
  chatId: string;
  onLive: (message: MessageView) => void;
  patience: { wait(seconds: number, whom: string): Promise<void> };
};

type SyncAnswer = { chats: { chatId: string; rev: number; messages: MessageView[] }[]; more: boolean };

const AWAY_AT_MOST_MS = 60_000;
const RETRY_MS = 250;

/** A member who listens, and who catches up with `sync` after each absence, as every client must. */
export class Observer {
  private readonly byId = new Map<string, MessageView>();
  private readonly idAtSeq = new Map<number, string>();
  private readonly idOfLine = new Map<string, string>();
  private readonly heardLive = new Set<string>();
  private readonly counts = {
    live: 0,
    bySync: 0,
    inBoth: 0,
    duplicates: 0,
    overtaken: 0,
    leaves: 0,
    lost: 0,
  };
  private socket: Socket | null = null;
  /** Everything up to here is here: live events may overtake each other, so it is not the newest rev heard. */
  private rev = 0;
  private readonly revsAhead = new Set<number>();
  private highestLive = 0;
  private comingBack: Promise<void> = Promise.resolve();

  constructor(private readonly deps: Deps) {}

  get name(): string {
    return this.deps.name;
  }

  get delivered(): number {
    return this.byId.size;
  }

  observed(): Observed {
    const view = [...this.byId.values()].sort((a, b) => a.seq - b.seq);
    return { name: this.name, view, ...this.counts };
  }

  /** Connects, then asks for what was missed; live events may come in between, and are merged. */
  async come(): Promise<void> {
    const socket = await this.connect();
    this.socket = socket;
    this.highestLive = 0;
    socket.on('message:new', (event: ServerEvents['message:new']) => this.hear(event));
    socket.once('disconnect', () => {
      if (this.socket !== socket) return;
      this.counts.lost += 1;
      this.comingBack = this.come();
      // Judged by `settled`; until then a failure must not count as unhandled.
      this.comingBack.catch(() => undefined);
    });
    await this.sync(socket);
  }

  leave(): void {
    const { socket } = this;
    this.socket = null;
    this.counts.leaves += 1;
    socket?.disconnect();
  }

  /** Ends when no catching up is under way. */
  async settled(): Promise<void> {
    await this.comingBack;
  }

  close(): void {
    const { socket } = this;
    this.socket = null;
    socket?.disconnect();
  }

  private async connect(): Promise<Socket> {
    const { urls, token, from } = this.deps;
    const deadline = Date.now() + AWAY_AT_MOST_MS;
    for (let attempt = 0; ; attempt += 1) {
      const url = urls[attempt % urls.length] ?? '';
      try {
        return await openSocket({ url, token, from });
      } catch (error) {
        if (error instanceof Refused || Date.now() > deadline) {
          const why = error instanceof Error ? error.message : String(error);
          throw new Stop(exitCode.unavailable, `${this.name} can't connect to ${url}: ${why}`);
        }
        await pause(RETRY_MS);
      }
    }
  }

  private async sync(socket: Socket): Promise<void> {
    const { chatId } = this.deps;
    for (;;) {
      const ack = await emitAcked<SyncAnswer>(socket, 'sync', { chats: { [chatId]: this.rev } });
      // The connection is gone: whoever comes back next asks again.
      if (ack === null) return;
      if (!ack.ok) {
        if (ack.error.code !== 'LIMITED')
          throw new Stop(exitCode.failed, `sync failed: ${ack.error.code}: ${ack.error.message}`);
        await this.deps.patience.wait(ack.error.retryAfter ?? 1, this.name);
        continue;
      }
      const changed = ack.data.chats.find((chat) => chat.chatId === chatId);
      for (const message of changed?.messages ?? []) this.learn(message);
      if (changed !== undefined) this.haveAllUpTo(changed.rev);
      if (!ack.data.more) return;
    }
  }

  private hear({ chatId, message }: ServerEvents['message:new']): void {
    if (chatId !== this.deps.chatId) return;
    this.deps.onLive(message);
    if (this.heardLive.has(message._id)) this.counts.duplicates += 1;
    else if (this.byId.has(message._id)) this.counts.inBoth += 1;
    else this.counts.live += 1;
    if (message.seq < this.highestLive) this.counts.overtaken += 1;
    this.highestLive = Math.max(this.highestLive, message.seq);
    this.heardLive.add(message._id);
    this.keep(message);
    this.revsAhead.add(message.rev);
    this.haveAllUpTo(this.rev);
  }

  private learn(message: MessageView): void {
    if (this.byId.has(message._id)) this.counts.inBoth += 1;
    else this.counts.bySync += 1;
    this.keep(message);
  }

  private keep(message: MessageView): void {
    const { _id, seq, clientMessageId } = message;
    if ((this.idAtSeq.get(seq) ?? _id) !== _id) this.counts.duplicates += 1;
    this.idAtSeq.set(seq, _id);
    if (clientMessageId !== null) {
      if ((this.idOfLine.get(clientMessageId) ?? _id) !== _id) this.counts.duplicates += 1;
      this.idOfLine.set(clientMessageId, _id);
    }
    this.byId.set(_id, message);
  }

  private haveAllUpTo(rev: number): void {
    this.rev = Math.max(this.rev, rev);
    while (this.revsAhead.delete(this.rev + 1)) this.rev += 1;
  }
}
