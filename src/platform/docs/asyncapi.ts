import type { EventTable } from '../realtime/event-door.js';
import type { JsonSchema } from '../validation/rule.js';
import { failureSchema, successSchema, type About } from './openapi.js';

/**
 * AsyncAPI 3.0 of the socket: what a client may send, from the schemas that validate, each answered by an
 * acknowledgement; and what it hears. `told`: event → what it says.
 */
export function asyncApi(
  about: About,
  asked: EventTable,
  told: Readonly<Record<string, string>>,
): JsonSchema {
  const names = Object.keys(asked);
  const reference = (name: string): JsonSchema => ({ $ref: `#/components/messages/${pointer(name)}` });
  return {
    asyncapi: '3.0.0',
    info: about,
    defaultContentType: 'application/json',
    channels: {
      ask: {
        address: '/socket.io',
        description: 'What a client emits. The last argument is its acknowledgement callback.',
        messages: Object.fromEntries(names.map((name) => [name, reference(name)])),
      },
      acknowledgement: {
        address: null,
        messages: { acknowledgement: reference('acknowledgement') },
      },
      hear: {
        address: '/socket.io',
        description: 'What the server emits.',
        messages: Object.fromEntries(Object.keys(told).map((name) => [name, reference(name)])),
      },
    },
    operations: {
      ask: {
        action: 'receive',
        channel: { $ref: '#/channels/ask' },
        reply: { channel: { $ref: '#/channels/acknowledgement' } },
      },
      hear: { action: 'send', channel: { $ref: '#/channels/hear' } },
    },
    components: {
      messages: {
        ...Object.fromEntries(
          Object.entries(asked).map(([name, { action, bucket }]) => [
            name,
            { name, payload: action.json, tags: [{ name: bucket }] },
          ]),
        ),
        ...Object.fromEntries(
          Object.entries(told).map(([name, summary]) => [
            name,
            { name, summary, payload: { type: 'object' } },
          ]),
        ),
        acknowledgement: { payload: { oneOf: [successSchema, failureSchema] } },
      },
    },
  };
}

/** As a JSON pointer writes it. */
function pointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
