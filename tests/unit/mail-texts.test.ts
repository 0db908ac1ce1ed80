import { describe, expect, test } from '@jest/globals';
import type { MailTemplate, MailTemplates } from '../../src/contract/mail.js';
import { preferredLanguage } from '../../src/platform/language/accept-language.js';
import { createMailPresenter, mailLanguages } from '../../src/presenters/mail.presenter.js';

const at = '2026-03-01T14:05:00.000Z';
const device = 'Firefox on Linux';
const samples: MailTemplates = {
  'verify-email': { name: 'Zoë', code: '246810', minutes: 5 },
  'already-registered': { name: 'Zoë' },
  'reset-password': { name: 'Zoë', code: '246810', minutes: 5 },
  'password-changed': { name: 'Zoë', at, device },
  'change-email': { name: 'Zoë', code: '246810', minutes: 5 },
  'email-changed': { name: 'Zoë', at, device },
  'new-device': { name: 'Zoë', at, device, ip: '192.0.2.7', place: 'Bern, Switzerland' },
  'mfa-changed': { name: 'Zoë', at, enabled: true },
  'export-ready': { name: 'Zoë', hours: 24 },
  'account-deleted': { name: 'Zoë' },
};
const templates = Object.keys(samples) as MailTemplate[];
/** How each kind of variable shows; `enabled` chooses words. */
const shown = (name: string, value: unknown): RegExp | null => {
  if (name === 'at') return /2026/;
  return name === 'enabled' ? null : new RegExp(String(value).replaceAll('.', String.raw`\.`));
};

const presenter = createMailPresenter({ link: 'https://chat.example.org' });

describe.each(mailLanguages)('mails in %s', (language) => {
  test.each(templates)('%s says all it is given, in a subject, in plain text and in HTML', (template) => {
    const vars = samples[template];
    const { subject, text, html } = presenter.present({ template, vars, language });
    expect(subject).toMatch(/^\S.{5,70}\S$/);
    for (const [name, value] of Object.entries(vars)) {
      const expected = shown(name, value);
      if (expected === null) continue;
      expect(text).toMatch(expected);
      expect(html).toMatch(expected);
    }
    expect(text).toContain('https://chat.example.org');
    expect(html).toContain(`lang="${language}"`);
    expect(`${subject}${text}${html}`).not.toMatch(/SLOT|undefined|null|\[object/);
    expect(text).not.toMatch(/[<>]| \n|\n\n\n/);
  });

  test.each(templates)('%s has a language of its own', (template) => {
    const others = mailLanguages.filter((each) => each !== language);
    const { subject } = presenter.present({ template, vars: samples[template], language });
    for (const other of others)
      expect(presenter.present({ template, vars: samples[template], language: other }).subject).not.toBe(
        subject,
      );
  });
});

describe('what people choose as their name', () => {
  const of = (name: string) =>
    presenter.present({
      template: 'verify-email',
      vars: { name, code: '246810', minutes: 5 },
      language: 'en',
    });

  test('is escaped in HTML and whole in plain text, whatever it looks like', () => {
    const name = `<b onload='x'>&amp; "{{7*7}} <% y %> $& $1 SLOT1`;
    const { html, text } = of(name);
    expect(html).not.toContain('<b ');
    expect(html).toContain(
      '&lt;b onload=&#39;x&#39;&gt;&amp;amp; &quot;{{7*7}} &lt;% y %&gt; $&amp; $1 SLOT1',
    );
    expect(text).toContain(name);
    expect(text).toContain('246810');
  });

  test('takes no line of its own', () => {
    const { text, subject } = of('Ann\r\nBcc: eve@example.org\u2028\u0000\u202Eend');
    expect(text).toContain('Hello Ann Bcc: eve@\u2060example.\u2060org end,');
    expect(subject).not.toMatch(/[\r\n]/);
  });

  test('is no link, and not long', () => {
    expect(of('https://evil.example/x').text).not.toMatch(/https:\/\/evil|evil\.example/);
    expect(of('x'.repeat(5_000)).text.length).toBeLessThan(1_000);
  });
});

test.each([
  ['', 'en'],
  ['de', 'de'],
  ['de-AT', 'de'],
  ['fr, de;q=0.8, en;q=0.7', 'de'],
  ['en;q=0.3, de;q=0.8', 'de'],
  ['fr;q=1, es;q=0.9', 'en'],
  ['*', 'en'],
  ['en;q=0, *', 'de'],
  ['de;q=0', 'en'],
  ['DE', 'de'],
  ['de;q=nonsense', 'en'],
  [`${'x,'.repeat(10_000)}de`, 'en'],
])('Accept-Language %.40s is answered in %s', (header, expected) => {
  expect(preferredLanguage(header, ['en', 'de'])).toBe(expected);
});
