/** Every mail: what its text needs. Codes have six digits. Times are ISO 8601. */
export type MailTemplates = {
  'verify-email': { name: string; code: string; minutes: number };
  /** REGISTER_DISCLOSURE=silent: somebody registered with an address that has an account. */
  'already-registered': { name: string };
  'reset-password': { name: string; code: string; minutes: number };
  'password-changed': { name: string; at: string; device: string };
  /** To the new address. */
  'change-email': { name: string; code: string; minutes: number };
  /** To the old address. */
  'email-changed': { name: string; at: string; device: string };
  'new-device': { name: string; at: string; device: string; ip: string; place: string | null };
  'mfa-changed': { name: string; at: string; enabled: boolean };
  'export-ready': { name: string; hours: number };
  'account-deleted': { name: string };
};

export type MailTemplate = keyof MailTemplates;
