import { Schema } from 'mongoose';
import type { Place } from '../platform/places/places.js';

/** A place inside another document. */
export const placeSchema = new Schema<Place>(
  {
    city: { type: String, default: null },
    country: { type: String, default: null },
    lat: { type: Number, default: null },
    lon: { type: Number, default: null },
  },
  { _id: false },
);
