import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { createLifecycle, type Lifecycle } from '../../src/app/lifecycle.js';
import { handleSignals } from '../../src/app/signals.js';
import { silentLogger, type LogFields, type Logger } from '../../src/platform/logging/logger.js';

type Line = { level: string; message: string; fields: LogFields };

function listeningLogger(): { logger: Logger; lines: Line[] } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}) =>
      void lines.push({ level, message, fields });
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  };
  return { logger, lines };
}

const never = () => new Promise<void>(() => undefined);

/** A lifecycle that writes down what was called, in order. */
function recorded(deadlineMs = 1_000) {
  const { logger, lines } = listeningLogger();
  const life = createLifecycle({ logger, deadlineMs });
  const calls: string[] = [];
  const open = (name: string, close: () => void | Promise<void> = () => undefined) =>
    life.opened(name, name, (thing) => {
      calls.push(thing);
      return close();
    });
  return { life, lines, calls, open };
}

describe('lifecycle', () => {
  it('hands back what was opened', () => {
    const thing = { a: 1 };
    expect(createLifecycle({ logger: silentLogger }).opened('thing', thing, () => undefined)).toBe(thing);
  });

  it('drains in order, then closes in reverse, one after the other', async () => {
    const { life, calls, open } = recorded();
    open('mongo');
    open('http', async () => {
      await new Promise(setImmediate);
      calls.push('http closed');
    });
    life.onDrain('not ready', () => void calls.push(`drain while draining=${life.draining}`));
    life.onDrain('tell', async () => void calls.push('tell'));
    expect(life.draining).toBe(false);
    await expect(life.shutdown('test')).resolves.toEqual({ clean: true });
    expect(calls).toEqual(['drain while draining=true', 'tell', 'http', 'http closed', 'mongo']);
  });

  it('logs each step with its time', async () => {
    const { life, lines, open } = recorded();
    open('mongo');
    life.onDrain('tell', () => undefined);
    await life.shutdown('SIGTERM');
    expect(lines.map(({ message, fields }) => [message, fields['step'] ?? fields['reason']])).toEqual([
      ['shutting down', 'SIGTERM'],
      ['shutdown step done', 'tell'],
      ['shutdown step done', 'mongo'],
      ['shut down', 'SIGTERM'],
    ]);
    expect(lines.slice(1).every(({ fields }) => typeof fields['ms'] === 'number')).toBe(true);
  });

  it('goes on when a step fails, at once or later', async () => {
    const { life, lines, calls, open } = recorded();
    open('first');
    open('throws', () => {
      throw new Error('at once');
    });
    open('rejects', () => Promise.reject(new Error('later')));
    life.onDrain('bad drain', () => Promise.reject(new Error('drain')));
    await expect(life.shutdown('test')).resolves.toEqual({ clean: false });
    expect(calls).toEqual(['rejects', 'throws', 'first']);
    expect(lines.filter((line) => line.level === 'error').map((line) => line.fields['step'])).toEqual([
      'bad drain',
      'rejects',
      'throws',
    ]);
  });

  it('calls every close and ends in time when steps hang', async () => {
    const { life, calls, open } = recorded(200);
    open('first', never);
    open('second', never);
    open('third', never);
    life.onDrain('hangs', never);
    const start = performance.now();
    await expect(life.shutdown('test')).resolves.toEqual({ clean: false });
    expect(performance.now() - start).toBeLessThan(400);
    expect(calls).toEqual(['third', 'second', 'first']);
  });

  it('is done once, however often it is asked', async () => {
    const { life, calls, open } = recorded();
    open('mongo');
    const [one, other] = await Promise.all([life.shutdown('a'), life.shutdown('b')]);
    expect(one).toBe(other);
    await life.shutdown('c');
    expect(calls).toEqual(['mongo']);
  });

  it('also closes what opens while it shuts down, and after', async () => {
    const { life, calls, open } = recorded();
    open('mongo', () => void open('opened meanwhile'));
    await life.shutdown('test');
    open('opened too late');
    await new Promise(setImmediate);
    expect(calls).toEqual(['mongo', 'opened meanwhile', 'opened too late']);
  });
});

/** A process of our own to send signals to, and a shutdown that ends when told. */
function process_(ending: Promise<{ clean: boolean }> = Promise.resolve({ clean: true })) {
  const source = new EventEmitter();
  const { logger, lines } = listeningLogger();
  const reasons: string[] = [];
  const exits: number[] = [];
  const lifecycle: Pick<Lifecycle, 'shutdown'> = {
    shutdown(reason) {
      reasons.push(reason);
      return ending;
    },
  };
  const stop = handleSignals({ lifecycle, logger, exit: (code) => void exits.push(code), source });
  return { source, lines, reasons, exits, stop };
}
const turn = () => new Promise(setImmediate);

describe('signals', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGUSR2'])('%s ends the process in order', async (signal) => {
    const { source, reasons, exits } = process_();
    source.emit(signal);
    expect(exits).toEqual([]);
    await turn();
    expect([reasons, exits]).toEqual([[signal], [0]]);
  });

  it('a second one ends it at once', () => {
    const { source, exits, reasons } = process_(new Promise(() => undefined));
    source.emit('SIGTERM');
    source.emit('SIGTERM');
    expect([reasons, exits]).toEqual([['SIGTERM'], [130]]);
  });

  it('one Ctrl-C that arrives twice counts once', () => {
    const { source, exits } = process_(new Promise(() => undefined));
    source.emit('SIGINT');
    source.emit('SIGINT');
    expect(exits).toEqual([]);
  });

  it.each(['uncaughtException', 'unhandledRejection'])(
    '%s is logged and ends the process with 1',
    async (event) => {
      const { source, lines, reasons, exits } = process_();
      const error = new Error('nobody caught me');
      source.emit(event, error);
      await turn();
      expect(lines).toMatchObject([{ level: 'error', fields: { error } }]);
      expect([reasons, exits]).toEqual([[event], [1]]);
    },
  );

  it('ends even when the shutdown itself fails', async () => {
    const { source, exits } = process_(Promise.reject(new Error('broken')));
    source.emit('SIGTERM');
    await turn();
    expect(exits).toEqual([1]);
  });

  it('can be taken away', () => {
    const { source, stop } = process_();
    stop();
    expect(source.eventNames()).toEqual([]);
  });
});
