import type { SessionDoc } from '../models/session.model.js';

/** "Bergen, Norway", else "60.4, 5.3"; null for nowhere. */
export function presentPlace(place: SessionDoc['place']): string | null {
  if (place === null) return null;
  const { city, country, lat, lon } = place;
  const named = [city, country].filter((name) => name !== null);
  if (named.length > 0) return named.join(', ');
  return lat === null || lon === null ? null : `${lat.toFixed(1)}, ${lon.toFixed(1)}`;
}
