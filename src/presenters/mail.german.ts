import type { MailTexts } from './mail.texts.js';

const ignore = 'Falls du das nicht warst, kannst du diese Mail ignorieren: Ohne den Code geschieht nichts.';
const act =
  'Falls du das nicht warst, setze jetzt dein Passwort zurück („Passwort vergessen“ auf der Anmeldeseite) und melde dich überall ab.';

const validFor = (minutes: number): string =>
  `Der Code gilt ${minutes} ${minutes === 1 ? 'Minute' : 'Minuten'}. Gib ihn an niemanden weiter; wir fragen nie danach.`;

export const german: MailTexts = {
  greeting: (name) => `Hallo ${name},`,
  signature: 'Viele Grüße',
  footer: (product, link) => `${product} hat diese Mail wegen deines Kontos bei ${link} verschickt.`,
  mails: {
    'verify-email': ({ code, minutes }) => ({
      subject: 'Dein Code zur Bestätigung deiner E-Mail-Adresse',
      before: [
        'willkommen! Gib diesen Code ein, um deine E-Mail-Adresse zu bestätigen und die Registrierung abzuschließen:',
      ],
      code,
      after: [validFor(minutes), ignore],
    }),
    'already-registered': () => ({
      subject: 'Du hast schon ein Konto',
      before: [
        'jemand, vielleicht du, wollte sich gerade mit dieser E-Mail-Adresse registrieren. Sie hat schon ein Konto.',
        'Melde dich wie gewohnt an. Wenn du dein Passwort vergessen hast, setze es auf der Anmeldeseite zurück.',
      ],
      after: ['Falls du das nicht warst, musst du nichts tun: Dein Konto ist, wie es war.'],
    }),
    'reset-password': ({ code, minutes }) => ({
      subject: 'Dein Code zum Zurücksetzen deines Passworts',
      before: ['gib diesen Code ein, um ein neues Passwort zu wählen:'],
      code,
      after: [validFor(minutes), ignore],
    }),
    'password-changed': ({ at, device }, { time }) => ({
      subject: 'Dein Passwort wurde geändert',
      before: ['das Passwort deines Kontos wurde geändert, und alle anderen Sitzungen wurden abgemeldet.'],
      facts: [
        ['Wann', time(at)],
        ['Gerät', device],
      ],
      after: [act],
    }),
    'change-email': ({ code, minutes }) => ({
      subject: 'Dein Code zur Bestätigung deiner neuen E-Mail-Adresse',
      before: ['gib diesen Code ein, um ab jetzt diese E-Mail-Adresse für dein Konto zu benutzen:'],
      code,
      after: [validFor(minutes), ignore],
    }),
    'email-changed': ({ at, device }, { time }) => ({
      subject: 'Deine E-Mail-Adresse wurde geändert',
      before: ['dein Konto hat jetzt eine andere E-Mail-Adresse. Diese hier gehört nicht mehr dazu.'],
      facts: [
        ['Wann', time(at)],
        ['Gerät', device],
      ],
      after: ['Falls du das nicht warst, wende dich sofort an die Betreiber dieses Servers.'],
    }),
    'new-device': ({ at, device, ip, place }, { time }) => ({
      subject: 'Neue Anmeldung an deinem Konto',
      before: ['jemand hat sich von einem Gerät, das wir noch nicht kennen, an deinem Konto angemeldet.'],
      facts: [
        ['Wann', time(at)],
        ['Gerät', device],
        ['Adresse', ip],
        ...(place === null ? [] : [['In der Nähe von', place] as const]),
      ],
      after: ['Falls du das warst, ist alles in Ordnung.', act],
    }),
    'mfa-changed': ({ at, enabled }, { time }) => ({
      subject: enabled ? 'Die Anmeldung in zwei Schritten ist an' : 'Die Anmeldung in zwei Schritten ist aus',
      before: [
        enabled
          ? 'die Anmeldung in zwei Schritten wurde für dein Konto eingeschaltet. Bewahre deine Wiederherstellungscodes sicher auf.'
          : 'die Anmeldung in zwei Schritten wurde für dein Konto ausgeschaltet. Jetzt genügt dein Passwort allein.',
      ],
      facts: [['Wann', time(at)]],
      after: [act],
    }),
    'export-ready': ({ hours }) => ({
      subject: 'Deine Daten liegen bereit',
      before: [
        'alles, was wir über dich gespeichert haben, liegt in einer Datei. Du findest sie in den Einstellungen deines Kontos.',
        `Sie kann ${hours} ${hours === 1 ? 'Stunde' : 'Stunden'} lang heruntergeladen werden, von dir allein.`,
      ],
      after: ['Falls du sie nicht angefordert hast, ändere dein Passwort.'],
    }),
    'account-deleted': () => ({
      subject: 'Dein Konto wurde gelöscht',
      before: [
        'dein Konto und was dazu gehörte sind gelöscht. Nachrichten an andere bleiben stehen, ohne deinen Namen.',
      ],
      after: ['Danke, dass du hier warst. Dies ist die letzte Mail, die du von uns bekommst.'],
    }),
  },
};
