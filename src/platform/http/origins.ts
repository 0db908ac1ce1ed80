/** Which browser origins may call us: for CORS, for the WebSocket handshake and against forged cookie requests. */
export type OriginPolicy = {
  /** `host`: the request's Host header; a page we served ourselves may always call us. */
  allows(origin: string, host: string | undefined): boolean;
};

type Settings = {
  /** null: any http(s) origin on this machine (development). */
  corsOrigins: readonly string[] | null;
  publicUrl: string | null;
};

const LOCAL = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/;

export function createOriginPolicy({ corsOrigins, publicUrl }: Settings): OriginPolicy {
  const allowed = new Set(
    [...(corsOrigins ?? []), ...(publicUrl === null ? [] : [publicUrl])].map((o) => o.toLowerCase()),
  );

  return {
    allows: (origin, host) => {
      const asked = origin.toLowerCase();
      if (allowed.has(asked)) return true;
      if (corsOrigins === null && LOCAL.test(asked)) return true;
      // Only where nobody said which address is ours: a name rebound to this machine must not count as our own.
      return (
        publicUrl === null &&
        host !== undefined &&
        (asked === `http://${host}` || asked === `https://${host}`)
      );
    },
  };
}
