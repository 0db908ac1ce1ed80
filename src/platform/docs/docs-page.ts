import type { EventTable } from '../realtime/event-door.js';
import type { Route } from '../http/http-door.js';
import type { JsonSchema } from '../validation/rule.js';
import type { About } from './openapi.js';

type Parts = {
  about: About;
  routes: readonly Route[];
  asked: EventTable;
  told: Readonly<Record<string, string>>;
};

/** The whole interface on one page for people: no script, no foreign host, so the strictest policy lets it pass. */
export function docsPage({ about, routes, asked, told }: Parts): string {
  const rows = routes.map(({ method, path, action }) => [
    `<code>${method.toUpperCase()} /api${escape(path)}</code>`,
    action.open ? 'anybody' : 'signed in',
    fieldsOf(action.json),
  ]);
  const events = Object.entries(asked).map(([name, { action }]) => [
    `<code>${escape(name)}</code>`,
    fieldsOf(action.json),
  ]);
  const heard = Object.entries(told).map(([name, text]) => [`<code>${escape(name)}</code>`, escape(text)]);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(about.title)}</title></head><body>
<h1>${escape(about.title)} ${escape(about.version)}</h1>
<p>${escape(about.description)}</p>
<p><a href="/api/docs/openapi.json">openapi.json</a> · <a href="/api/docs/asyncapi.json">asyncapi.json</a></p>
<h2>REST</h2>${table(['Request', 'For', 'Fields'], rows)}
<h2>Events a client sends</h2>${table(['Event', 'Fields'], events)}
<h2>Events a client hears</h2>${table(['Event', 'Tells'], heard)}
</body></html>`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag} align="left" valign="top">${cell}</${tag}>`).join('')}</tr>`;
  return `<table cellpadding="4"><thead>${line(head, 'th')}</thead><tbody>${rows.map((row) => line(row, 'td')).join('\n')}</tbody></table>`;
}

/** `name (string, up to 50)`, what may be left out with a question mark. */
function fieldsOf(schema: JsonSchema): string {
  const { properties = {}, required = [] } = schema as {
    properties?: Readonly<Record<string, JsonSchema>>;
    required?: readonly string[];
  };
  const all = Object.entries(properties).map(([name, field]) => {
    const { type, enum: values, maxLength, maximum } = field as Record<string, unknown>;
    const kind = Array.isArray(values) ? values.join(' | ') : typeof type === 'string' ? type : 'any';
    const most = maxLength ?? maximum;
    const bound = typeof most === 'number' ? ` ≤ ${most}` : '';
    return `<code>${escape(name)}${required.includes(name) ? '' : '?'}</code> <small>${escape(kind + bound)}</small>`;
  });
  return all.join('<br>');
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
