import type { MailTexts } from './mail.texts.js';

const ignore = 'If this was not you, you can ignore this mail: nothing happens without the code.';
const act =
  'If this was not you, reset your password now (“forgot password” on the sign-in page) and sign out everywhere.';

const validFor = (minutes: number): string =>
  `The code is valid for ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}. Do not give it to anyone; we never ask for it.`;

export const english: MailTexts = {
  greeting: (name) => `Hello ${name},`,
  signature: 'Best regards',
  footer: (product, link) => `${product} sent this mail because of your account at ${link}.`,
  mails: {
    'verify-email': ({ code, minutes }) => ({
      subject: 'Your code to confirm your e-mail address',
      before: ['welcome! Enter this code to confirm your e-mail address and finish your registration:'],
      code,
      after: [validFor(minutes), ignore],
    }),
    'already-registered': () => ({
      subject: 'You already have an account',
      before: [
        'somebody, perhaps you, has just tried to register with this e-mail address. It already has an account.',
        'To come in, sign in as usual. If you have forgotten your password, reset it on the sign-in page.',
      ],
      after: ['If this was not you, you need not do anything: your account is as it was.'],
    }),
    'reset-password': ({ code, minutes }) => ({
      subject: 'Your code to reset your password',
      before: ['enter this code to choose a new password:'],
      code,
      after: [validFor(minutes), ignore],
    }),
    'password-changed': ({ at, device }, { time }) => ({
      subject: 'Your password was changed',
      before: ['the password of your account was changed, and all other sessions were signed out.'],
      facts: [
        ['When', time(at)],
        ['Device', device],
      ],
      after: [act],
    }),
    'change-email': ({ code, minutes }) => ({
      subject: 'Your code to confirm your new e-mail address',
      before: ['enter this code to use this e-mail address for your account from now on:'],
      code,
      after: [validFor(minutes), ignore],
    }),
    'email-changed': ({ at, device }, { time }) => ({
      subject: 'Your e-mail address was changed',
      before: ['your account now has another e-mail address. This one no longer belongs to it.'],
      facts: [
        ['When', time(at)],
        ['Device', device],
      ],
      after: ['If this was not you, tell the people who run this server at once.'],
    }),
    'new-device': ({ at, device, ip, place }, { time }) => ({
      subject: 'New sign-in to your account',
      before: ['somebody has signed in to your account from a device that we have not seen before.'],
      facts: [
        ['When', time(at)],
        ['Device', device],
        ['Address', ip],
        ...(place === null ? [] : [['Near', place] as const]),
      ],
      after: ['If this was you, everything is fine.', act],
    }),
    'mfa-changed': ({ at, enabled }, { time }) => ({
      subject: enabled ? 'Two-step sign-in is on' : 'Two-step sign-in is off',
      before: [
        enabled
          ? 'two-step sign-in was switched on for your account. Keep your recovery codes in a safe place.'
          : 'two-step sign-in was switched off for your account. Your password alone is enough to sign in now.',
      ],
      facts: [['When', time(at)]],
      after: [act],
    }),
    'export-ready': ({ hours }) => ({
      subject: 'Your data is ready',
      before: [
        'everything that we hold about you is packed into one file. You find it in the settings of your account.',
        `It can be downloaded for ${hours} ${hours === 1 ? 'hour' : 'hours'}, by you alone.`,
      ],
      after: ['If you did not ask for it, change your password.'],
    }),
    'account-deleted': () => ({
      subject: 'Your account was deleted',
      before: [
        'your account and what belonged to it are deleted. Messages that you wrote to others stay, without your name.',
      ],
      after: ['Thank you for having been here. This is the last mail that you get from us.'],
    }),
  },
};
