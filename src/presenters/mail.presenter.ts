import Mailgen from 'mailgen';
import type { MailTemplate, MailTemplates } from '../contract/mail.js';
import { english } from './mail.english.js';
import { german } from './mail.german.js';
import type { MailText, MailTexts } from './mail.texts.js';

/** One file a language; the first is the one for everybody else. */
const languages = { en: english, de: german } as const satisfies Record<string, MailTexts>;
export type MailLanguage = keyof typeof languages;
export const mailLanguages: readonly [MailLanguage, ...MailLanguage[]] = ['en', 'de'];

export type PresentedMail = { subject: string; text: string; html: string };

/** Makes the words of a mail from its template: escaped in the HTML, in one line in the subject. */
export type MailPresenter = {
  present<T extends MailTemplate>(mail: {
    template: T;
    vars: MailTemplates[T];
    language: MailLanguage;
  }): PresentedMail;
};

const PRODUCT = 'Parley';
/** Names are short; a user agent that is not stays readable. */
const LONGEST_WORD = 120;

/** `link`: where the server's people find it, an origin. Reads Mailgen's theme from disk. */
export function createMailPresenter({ link }: { link: string }): MailPresenter {
  return {
    present: ({ template, vars, language }) => {
      const texts: MailTexts = languages[language];
      const write: (vars: never, format: { time: (iso: string) => string }) => MailText =
        texts.mails[template];
      const known = cleaned(vars);
      const said = write(known as never, { time: timeIn(language) });
      const render = (escape: Escape) => {
        const product = { name: PRODUCT, link: escape(link), copyright: escape(texts.footer(PRODUCT, link)) };
        const mailgen = new Mailgen({ theme: 'default', product });
        return { mailgen, content: { body: bodyOf(texts, said, { name: known.name, escape }) } };
      };
      const [html, text] = [render(escapeHtml), render(guarded)];
      return {
        subject: said.subject,
        html: inLanguage(html.mailgen.generate(html.content) as string, language),
        text: unguarded(text.mailgen.generatePlaintext(text.content) as string),
      };
    },
  };
}

type Escape = (text: string) => string;

function bodyOf(texts: MailTexts, said: MailText, { name, escape }: { name: string; escape: Escape }) {
  const { before, code, facts = [], after = [] } = said;
  return {
    title: escape(texts.greeting(name)),
    intro: [
      ...before.map(escape),
      ...(code === undefined ? [] : [`<span style="${CODE}">${escape(code)}</span>`]),
    ],
    ...(facts.length === 0
      ? {}
      : { dictionary: Object.fromEntries(facts.map(([label, value]) => [escape(label), escape(value)])) }),
    outro: after.map(escape),
    signature: escape(texts.signature),
  };
}

const CODE = 'font-size: 30px; font-weight: bold; letter-spacing: 6px;';

/** Each text in one line and not too long: what people choose as their name stands in subjects and sentences. */
function cleaned(vars: MailTemplates[MailTemplate]): Record<string, unknown> & { name: string } {
  const clean = (value: unknown): unknown =>
    typeof value === 'string' ? oneLine(value).slice(0, LONGEST_WORD) : value;
  const entries = Object.entries(vars).map(([key, value]) => [key, clean(value)] as const);
  return { ...Object.fromEntries(entries), name: String(clean(vars.name)) };
}

/** No line breaks and no other control or private-use characters. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Co}\p{Cs}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
}

function timeIn(language: MailLanguage): (iso: string) => string {
  const format = new Intl.DateTimeFormat(language, {
    dateStyle: 'long',
    timeStyle: 'short',
    timeZone: 'UTC',
  });
  return (iso) => `${format.format(new Date(iso))} UTC`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

/** Mailgen makes the plain text from HTML, by taking out what looks like a tag or an entity: a name may look like one. */
const guards = [
  ['<', '\uE000'],
  ['>', '\uE001'],
  ['&', '\uE002'],
] as const;

function guarded(text: string): string {
  return guards.reduce((result, [character, guard]) => result.replaceAll(character, guard), text);
}

function unguarded(text: string): string {
  const plain = guards.reduce((result, [character, guard]) => result.replaceAll(guard, character), text);
  // Mailgen leaves its theme's indentation, and one break after a paragraph.
  const lines = plain.split('\n').map((line) => line.trim());
  return `${lines
    .join('\n')
    .trim()
    .replace(/\n{3,}/g, '\n\n')}\n`;
}

function inLanguage(html: string, language: MailLanguage): string {
  return html.replace('<html ', `<html lang="${language}" `);
}
