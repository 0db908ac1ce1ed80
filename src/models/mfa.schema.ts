import { Schema } from 'mongoose';

/**
 * Two-step sign-in of one user. It is a part of his document, so that turning it on or off and what is then asked for
 * change in one write; and it is read by models/mfa.model alone: no other query of users brings it along.
 */
export type MfaDoc = {
  /** Names the secret: what rests on it (trusted devices, tickets) is worth nothing under another one. */
  setupId: string;
  /** Sealed (platform/crypto/sealed-box), context `mfa:<user id>`. */
  secret: string;
  /** The last step whose code was taken: only a later one is. */
  lastStep: number;
  /** Hashes of the recovery codes that are left. */
  recovery: string[];
  enabledAt: Date;
};

export const mfaField = {
  type: new Schema<MfaDoc>(
    {
      setupId: { type: String, required: true },
      secret: { type: String, required: true },
      lastStep: { type: Number, required: true },
      recovery: { type: [String], required: true },
      enabledAt: { type: Date, required: true },
    },
    { _id: false },
  ),
  select: false,
};
