import { isIPv4, isIPv6 } from 'node:net';

/**
 * The network an address belongs to, as coarse as one household or office: the first 24 bits of IPv4 (`192.0.2.0/24`),
 * the first 48 of IPv6 (`2001:db8:1::/48`). An IPv4 address in IPv6 clothes is IPv4. What is no address stays as it is.
 */
export function networkOf(ip: string): string {
  const v4 = asIPv4(ip);
  if (v4 !== null) return `${v4.split('.').slice(0, 3).join('.')}.0/24`;
  if (!isIPv6(ip)) return ip;
  return `${groupsOf(ip)
    .slice(0, 3)
    .map((group) => group.toString(16))
    .join(':')}::/48`;
}

/** `::ffff:192.0.2.1` and `192.0.2.1` alike; null for IPv6. */
export function asIPv4(ip: string): string | null {
  if (isIPv4(ip)) return ip;
  if (!isIPv6(ip)) return null;
  const groups = groupsOf(ip);
  if (groups.slice(0, 5).some((group) => group !== 0) || groups[5] !== 0xffff) return null;
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 0xff])
    .join('.');
}

/** The eight numbers of an IPv6 address. */
function groupsOf(ip: string): number[] {
  const plain = ip.split('%', 1)[0] ?? '';
  const [head = '', tail] = plain.split('::');
  const front = numbersOf(head);
  const back = tail === undefined ? [] : numbersOf(tail);
  const gap = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  return [...front, ...Array.from({ length: gap }, () => 0), ...back];
}

/** `db8:1:192.0.2.1` as numbers of 16 bits. */
function numbersOf(part: string): number[] {
  return part
    .split(':')
    .filter((group) => group !== '')
    .flatMap((group) => {
      if (!group.includes('.')) return [Number.parseInt(group, 16)];
      const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
      return [(a << 8) | b, (c << 8) | d];
    });
}
