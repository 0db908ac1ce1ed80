import { Decoder, Encoder, PacketType, type Packet } from 'socket.io-parser';

/**
 * How packets become text. Socket.IO's own encoder turns an object into JSON for each packet; a stored message goes out in
 * two (the sender's acknowledgement, the others' event), so its JSON is kept on it: `shareJson`.
 */

const JSON_TEXT = Symbol('json');

type Shared = { [JSON_TEXT]?: string };

/** Marks a view that goes out in more than one packet, and will not change any more. */
export function shareJson<T extends object>(view: T): T {
  (view as Shared)[JSON_TEXT] = '';
  return view;
}

/** JSON of `value`, made once for marked views, also where one is a property of `value`. */
function stringify(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const shared = (value as Shared)[JSON_TEXT];
  if (shared !== undefined) {
    if (shared !== '') return shared;
    const text = JSON.stringify(value);
    (value as Shared)[JSON_TEXT] = text;
    return text;
  }
  return hasShared(value) ? stringifyAround(value as Record<string, unknown>) : JSON.stringify(value);
}

/** `message` of events and `data` of acknowledgements is where a marked view can be. */
function hasShared(value: object): boolean {
  const { message, data } = value as { message?: Shared | string; data?: Shared | null };
  if (typeof message === 'object' && message !== null && message[JSON_TEXT] !== undefined) return true;
  return typeof data === 'object' && data !== null && data[JSON_TEXT] !== undefined;
}

function stringifyAround(value: Record<string, unknown>): string {
  const parts: string[] = [];
  for (const name of Object.keys(value)) {
    const part = value[name];
    if (part !== undefined) parts.push(`${JSON.stringify(name)}:${stringify(part)}`);
  }
  return `{${parts.join(',')}}`;
}

/** The text of an event packet of the default namespace. */
export function encodeEvent(event: string, payload: unknown): string {
  return `${PacketType.EVENT}[${JSON.stringify(event)},${stringify(payload)}]`;
}

/** Socket.IO's encoder, but for acknowledgements of one object, which are most of what a server sends. */
class ParleyEncoder extends Encoder {
  override encode(packet: Packet): ReturnType<Encoder['encode']> {
    const { type, nsp, id } = packet;
    const args: unknown = packet.data;
    if (type === PacketType.ACK && nsp === '/' && Array.isArray(args) && args.length === 1) {
      const envelope: unknown = args[0];
      if (typeof envelope === 'object' && envelope !== null && hasShared(envelope)) {
        return [`${PacketType.ACK}${id ?? ''}[${stringify(envelope)}]`];
      }
    }
    return super.encode(packet);
  }
}

/** For Socket.IO's `parser` option. The decoder is its own. */
export const parser = { Encoder: ParleyEncoder, Decoder };
