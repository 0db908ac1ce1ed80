import { optional, pattern, shaped } from '../platform/validation/rule.js';

/** What a client calls its device: any word of its own, the same each time. */
const deviceId = pattern(/^[\w.:-]{1,128}$/, 'must have 1 to 128 characters: letters, digits, _ . : -');

type Coordinates = { lat: number; lon: number };

const location = shaped<Coordinates>({
  accept: (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const { lat, lon } = value as Record<string, unknown>;
    return within(lat, 90) && within(lon, 180);
  },
  message: 'must be { lat, lon } in degrees',
  json: {
    type: 'object',
    properties: {
      lat: { type: 'number', minimum: -90, maximum: 90 },
      lon: { type: 'number', minimum: -180, maximum: 180 },
    },
    required: ['lat', 'lon'],
  },
  read: (value) => {
    const { lat, lon } = value as Coordinates;
    return { lat, lon };
  },
});

function within(value: unknown, limit: number): boolean {
  return typeof value === 'number' && Number.isFinite(value) && Math.abs(value) <= limit;
}

/** Taken wherever a session begins; what it is for: `ClientInput` of the contract. */
export const clientFields = { location: optional(location), deviceId: optional(deviceId) };
