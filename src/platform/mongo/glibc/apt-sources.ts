/** One entry of the machine's apt sources, as far as it matters for finding a mirror. */
export type AptSource = Readonly<{
  types: readonly string[];
  uris: readonly string[];
  suites: readonly string[];
  components: readonly string[];
}>;

/** What `/etc/os-release` tells: `id` such as `debian`, `codename` such as `bookworm`. */
export type OsRelease = Readonly<{ id: string; codename: string | null }>;

/**
 * Reads one file of apt sources: `deb822` for `*.sources` (stanzas of `Field: value`), `list` for `*.list`
 * (one line each). What is switched off or can't be understood is left out. See sources.list(5).
 */
export function parseAptSources(text: string, format: 'deb822' | 'list'): AptSource[] {
  return format === 'deb822' ? parseDeb822(text) : parseList(text);
}

function parseDeb822(text: string): AptSource[] {
  const withoutComments = text
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#'))
    .join('\n');
  return withoutComments
    .split(/\n\s*\n/)
    .map(fieldsOf)
    .filter((fields) => !/^(no|false|without|off|disable)$/i.test(fields.get('enabled') ?? 'yes'))
    .map((fields) => ({
      types: words(fields.get('types')),
      uris: words(fields.get('uris')),
      suites: words(fields.get('suites')),
      components: words(fields.get('components')),
    }))
    .filter((source) => source.uris.length > 0);
}

/** Field names in lower case; a line that begins with a blank goes on with the value before it. */
function fieldsOf(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let name = '';
  for (const line of stanza.split('\n')) {
    const field = /^([A-Za-z-]+):\s*(.*)$/.exec(line);
    if (field) {
      name = (field[1] ?? '').toLowerCase();
      fields.set(name, field[2] ?? '');
    } else if (/^\s/.test(line) && name !== '') {
      fields.set(name, `${fields.get(name) ?? ''} ${line.trim()}`);
    }
  }
  return fields;
}

/** `deb [arch=amd64 signed-by=/a/key.gpg] uri suite component…` */
function parseList(text: string): AptSource[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const entry = /^\s*(deb|deb-src)\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (!entry) return [];
    const [, type = '', uri = '', suite = '', components = ''] = entry;
    return [{ types: [type], uris: [uri], suites: [suite], components: words(components) }];
  });
}

function words(value: string | undefined): string[] {
  return (value ?? '').split(/\s+/).filter((word) => word !== '');
}

/**
 * The mirror that serves this system's own main archive, and so also its newer releases; null when none does.
 * Archives for security, updates and third parties have other suites and are not taken.
 */
export function pickMirror(sources: readonly AptSource[], codename: string | null): string | null {
  const suites = new Set(['stable', 'oldstable', 'testing', ...(codename === null ? [] : [codename])]);
  const source = sources.find(
    ({ types, suites: offered, components }) =>
      types.includes('deb') && components.includes('main') && offered.some((suite) => suites.has(suite)),
  );
  return source?.uris.find((uri) => /^(https?|file|mirror\+\w+|tor\+https?):/.test(uri)) ?? null;
}

/** Reads `/etc/os-release`; see os-release(5). */
export function parseOsRelease(text: string): OsRelease {
  const value = (name: string): string | undefined =>
    new RegExp(`^${name}=["']?([^"'\\n]*)`, 'm').exec(text)?.[1]?.trim() || undefined;
  return { id: value('ID') ?? 'linux', codename: value('VERSION_CODENAME') ?? null };
}
