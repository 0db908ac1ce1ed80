/**
 * Writes small databases in MaxMind's format (https://maxmind.github.io/MaxMind-DB/), so that the reader is tested on
 * real files whose content a test chooses.
 */
type Value = string | { [name: string]: Value } | Value[] | { uint: 16 | 32 | 64; value: number };

const KIND = { text: 2, uint16: 5, uint32: 6, map: 7, uint64: 9, array: 11 } as const;

/** Kind and size of what follows; kinds above 7 take a second byte. Sizes below 285 are enough here. */
function control(kind: number, size: number): Buffer {
  const [head, ...more] = size < 29 ? [size] : [29, size - 29];
  return Buffer.from(kind > 7 ? [head ?? 0, kind - 7, ...more] : [(kind << 5) | (head ?? 0), ...more]);
}

function encode(value: Value): Buffer {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    return Buffer.concat([control(KIND.text, bytes.length), bytes]);
  }
  if (Array.isArray(value)) return Buffer.concat([control(KIND.array, value.length), ...value.map(encode)]);
  if ('uint' in value && typeof value['uint'] === 'number') {
    const { uint, value: number } = value as { uint: 16 | 32 | 64; value: number };
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(number));
    const width = uint / 8;
    return Buffer.concat([control(KIND[`uint${uint}`], width), bytes.subarray(8 - width)]);
  }
  const entries = Object.entries(value as Record<string, Value>);
  const parts = entries.flatMap(([name, inner]) => [encode(name), encode(inner)]);
  return Buffer.concat([control(KIND.map, entries.length), ...parts]);
}

type Leaf = { data: number };
type Branch = [Node, Node];
type Node = Branch | Leaf | null;

/** `a.b.c.d/n`, as it lies in the IPv6 tree: below 96 zeros. */
function bitsOf(network: string): number[] {
  const [address = '', length = '32'] = network.split('/');
  const bits = address
    .split('.')
    .flatMap((part) => [...Number(part).toString(2).padStart(8, '0')].map(Number));
  return [...Array.from({ length: 96 }, () => 0), ...bits.slice(0, Number(length))];
}

function plant(root: Branch, bits: readonly number[], leaf: Leaf): void {
  let branch = root;
  bits.forEach((bit, index) => {
    const side = bit === 0 ? 0 : 1;
    if (index === bits.length - 1) {
      branch[side] = leaf;
      return;
    }
    const next = branch[side];
    if (Array.isArray(next)) branch = next;
    else branch = branch[side] = [null, null];
  });
}

/** `networks`: IPv4 network → its record, such as `{ country: { names: { en: 'Norway' } } }`. */
export function mmdb(networks: Readonly<Record<string, Value>>, type = 'Test-City'): Buffer {
  const root: Branch = [null, null];
  const data: Buffer[] = [];
  let offset = 0;
  for (const [network, record] of Object.entries(networks)) {
    plant(root, bitsOf(network), { data: offset });
    const bytes = encode(record);
    data.push(bytes);
    offset += bytes.length;
  }
  const branches: Branch[] = [root];
  for (const branch of branches) for (const side of branch) if (Array.isArray(side)) branches.push(side);
  const numberOf = new Map(branches.map((branch, index) => [branch, index]));
  const tree = Buffer.alloc(branches.length * 6);
  branches.forEach((branch, index) => {
    branch.forEach((side, half) => {
      const number =
        side === null
          ? branches.length
          : Array.isArray(side)
            ? (numberOf.get(side) ?? 0)
            : branches.length + 16 + side.data;
      tree.writeUIntBE(number, index * 6 + half * 3, 3);
    });
  });
  const metadata = encode({
    binary_format_major_version: { uint: 16, value: 2 },
    binary_format_minor_version: { uint: 16, value: 0 },
    build_epoch: { uint: 64, value: 1_700_000_000 },
    database_type: type,
    description: { en: 'A test' },
    ip_version: { uint: 16, value: 6 },
    languages: ['en'],
    node_count: { uint: 32, value: branches.length },
    record_size: { uint: 16, value: 24 },
  });
  const marker = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
  return Buffer.concat([tree, Buffer.alloc(16), ...data, marker, metadata]);
}
