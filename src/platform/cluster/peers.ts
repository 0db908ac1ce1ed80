/** What this node has heard of the others, and whether it has heard everything. */
export type Peers = {
  /** Notes a message. False when messages of this peer before it must have been missed. */
  heard: (id: string, seq: number, name?: string) => boolean;
  forget: (id: string) => void;
  /** Peers heard of within the last `leaseMs`, whatever the registry says. */
  recent: () => string[];
  nameOf: (id: string) => string;
};

type Peer = { seq: number; name: string; at: number };

/**
 * `settleMs`: how long after its start a node takes the first number it hears of a peer as the beginning. Later a peer
 * that begins above 1 has been missed at its start. Peers unheard for ten leases are forgotten.
 */
export function createPeers({ leaseMs, settleMs }: { leaseMs: number; settleMs: number }): Peers {
  const peers = new Map<string, Peer>();
  const startedAt = performance.now();
  return {
    heard: (id, seq, name) => {
      const now = performance.now();
      const peer = peers.get(id);
      if (peer === undefined) {
        for (const [other, { at }] of peers) if (now - at > 10 * leaseMs) peers.delete(other);
        peers.set(id, { seq, name: name ?? id, at: now });
        return seq === 1 || now - startedAt < settleMs;
      }
      const complete = seq <= peer.seq + 1;
      peer.seq = Math.max(peer.seq, seq);
      peer.at = now;
      if (name !== undefined) peer.name = name;
      return complete;
    },
    forget: (id) => {
      peers.delete(id);
    },
    recent: () => {
      const now = performance.now();
      return [...peers].filter(([, { at }]) => now - at <= leaseMs).map(([id]) => id);
    },
    nameOf: (id) => peers.get(id)?.name ?? id,
  };
}
