import type { Logger } from '../platform/logging/logger.js';
import type { Lifecycle } from './lifecycle.js';

const signals = ['SIGTERM', 'SIGINT', 'SIGUSR2'] as const;
const crashes = ['uncaughtException', 'unhandledRejection'] as const;

/** npm hands Ctrl-C on to a child that the terminal has told already: two SIGINT so close together are one wish. */
const sameKeyPressMs = 300;

/** The part of `process` that is used here. */
export type SignalSource = {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  removeListener(event: string, listener: (...args: unknown[]) => void): unknown;
};

type Options = Readonly<{
  lifecycle: Pick<Lifecycle, 'shutdown'>;
  logger: Logger;
  exit: (code: number) => void;
  /** `process` when absent. */
  source?: SignalSource;
}>;

/**
 * A signal ends the process in order (0), a second one at once (130). An error that nobody caught is logged and ends it
 * in order too (1): nobody knows what it left half done, and a supervisor starts a fresh process.
 *
 * @returns takes the handlers away again
 */
export function handleSignals({ lifecycle, logger, exit, source = process }: Options): () => void {
  const first: { signal: string | null; at: number } = { signal: null, at: 0 };

  function end(reason: string, code: number): void {
    lifecycle.shutdown(reason).then(
      () => exit(code),
      () => exit(1),
    );
  }

  function onSignal(signal: string): void {
    if (first.signal === null) {
      Object.assign(first, { signal, at: performance.now() });
      end(signal, 0);
    } else if (
      signal !== 'SIGINT' ||
      first.signal !== signal ||
      performance.now() - first.at > sameKeyPressMs
    ) {
      logger.warn('second signal: leaving at once', { signal });
      exit(130);
    }
  }

  const listeners = [
    ...signals.map((signal) => [signal, () => onSignal(signal)] as const),
    ...crashes.map((event) => {
      const onCrash = (error: unknown) => {
        logger.error(event === 'uncaughtException' ? 'uncaught exception' : 'unhandled rejection', { error });
        end(event, 1);
      };
      return [event, onCrash] as const;
    }),
  ];
  for (const [event, listener] of listeners) source.on(event, listener);
  return () => {
    for (const [event, listener] of listeners) source.removeListener(event, listener);
  };
}
