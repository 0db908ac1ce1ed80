import type { Answer, Envelope } from './scene.js';

/** Keeps cookies as a browser does, by name and path; sends what headers it is told to. */
export type Browser = {
  asks<T = unknown>(method: string, path: string, options?: Options): Promise<Answer<T>>;
  /** Name → value of what is kept. */
  readonly cookies: Map<string, string>;
  /** The `Set-Cookie` lines of the last answer. */
  readonly lastSet: string[];
};
type Options = { body?: unknown; headers?: Record<string, string> };

/** `cookies`: what it has already. */
export function browser(url: string, cookies: Iterable<[string, string]> = []): Browser {
  const self = { cookies: new Map(cookies), lastSet: [] as string[] };
  return Object.assign(self, {
    asks: async <T>(
      method: string,
      path: string,
      { body, headers = {} }: Options = {},
    ): Promise<Answer<T>> => {
      const kept = [...self.cookies].filter(
        ([name]) => !name.endsWith('refreshToken') || path.startsWith('/api/auth'),
      );
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          ...(kept.length === 0
            ? {}
            : { cookie: kept.map(([name, value]) => `${name}=${value}`).join('; ') }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      self.lastSet = response.headers.getSetCookie();
      for (const line of self.lastSet) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
        if (value === '') self.cookies.delete(name);
        else self.cookies.set(name, value);
      }
      const text = await response.text();
      const answer = JSON.parse(text === '' ? '{}' : text) as Envelope<T>;
      return { status: response.status, headers: response.headers, body: answer };
    },
  });
}
