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
const CODE_STYLE = 'font-size: 30px; font-weight: bold; letter-spacing: 6px;';

/**
 * `link`: where the server's people find it, an origin. Mailgen makes frames with numbered slots for the words, once per
 * language and shape (it takes 10 ms); the words go into them here, so no name ever passes through a template engine.
 */
export function createMailPresenter({ link }: { link: string }): MailPresenter {
  const frames = new Map<string, Frame>();

  return {
    present: ({ template, vars, language }) => {
      const texts: MailTexts = languages[language];
      const write: (vars: never, format: { time: (iso: string) => string }) => MailText =
        texts.mails[template];
      const known = cleaned(vars);
      const said = write(known as never, { time: timeIn(language) });
      const shape = shapeOf(said);
      const name = `${language} ${Object.values(shape).join(' ')}`;
      const frame = frames.get(name) ?? frameOf(shape, { texts, language, link });
      frames.set(name, frame);
      const words = [texts.greeting(known.name), ...wordsOf(said)];
      return {
        subject: said.subject,
        html: filled(frame.html, words.map(escapeHtml)),
        text: filled(frame.text, words),
      };
    },
  };
}

type Shape = { before: number; code: boolean; facts: number; after: number };

function shapeOf({ before, code, facts = [], after = [] }: MailText): Shape {
  return { before: before.length, code: code !== undefined, facts: facts.length, after: after.length };
}

/** In the order of the slots. */
function wordsOf({ before, code, facts = [], after = [] }: MailText): string[] {
  return [...before, ...(code === undefined ? [] : [code]), ...facts.flat(), ...after];
}

/** HTML and plain text with slots. */
type Frame = { html: string; text: string };

function frameOf(
  shape: Shape,
  { texts, language, link }: { texts: MailTexts; language: MailLanguage; link: string },
): Frame {
  const footer = escapeHtml(texts.footer(PRODUCT, link));
  const mailgen = new Mailgen({
    theme: 'default',
    product: { name: PRODUCT, link: escapeHtml(link), copyright: footer },
  });
  const { signature } = texts;
  const html = mailgen.generate({ body: { ...bodyOf(shape), signature } }) as string;
  // In plain text a paragraph needs a break of its own.
  const text = mailgen.generatePlaintext({ body: { ...bodyOf(shape, '<br />'), signature } }) as string;
  // It leaves the theme's indentation in the plain text.
  const lines = text.split('\n').map((line) => line.trim());
  return {
    html: html.trim().replace('<html ', `<html lang="${language}" `),
    text: `${lines
      .join('\n')
      .trim()
      .replaceAll(/\n{3,}/g, '\n\n')}\n`,
  };
}

function bodyOf({ before, code, facts, after }: Shape, end = '') {
  let used = 0;
  const slot = (): string => `SLOT${used++}.`;
  const slots = (count: number): string[] => Array.from({ length: count }, () => slot() + end);
  const title = slot();
  const intro = [...slots(before), ...(code ? [`<span style="${CODE_STYLE}">${slot()}</span>${end}`] : [])];
  const dictionary = Array.from({ length: facts }, () => [slot(), slot()] as const);
  return {
    title,
    intro,
    ...(facts === 0 ? {} : { dictionary: Object.fromEntries(dictionary) }),
    outro: slots(after),
  };
}

function filled(frame: string, words: readonly string[]): string {
  return frame.replace(/SLOT(\d+)\./g, (_slot, number: string) => words[Number(number)] ?? '');
}

/** Each text in one line and not too long: what people choose as their name stands in sentences, perhaps in subjects. */
function cleaned(vars: MailTemplates[MailTemplate]): Record<string, unknown> & { name: string } {
  const clean = (value: unknown): unknown =>
    typeof value === 'string' ? [...oneLine(value)].slice(0, LONGEST_WORD).join('') : value;
  const entries = Object.entries(vars).map(([key, value]) => [key, clean(value)] as const);
  return { ...Object.fromEntries(entries), name: unlinked(String(clean(vars.name))) };
}

/** No line breaks, and nothing that breaks or turns the text around it. */
function oneLine(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replace(/[\p{Cs}\p{Bidi_Control}]/gu, '')
    .trim();
}

/** A name that looks like an address on the web: whoever registers with a stranger's e-mail address must not send him links. */
function unlinked(name: string): string {
  return name.replace(/[.:/@](?=\S)/g, '$&\u2060');
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
