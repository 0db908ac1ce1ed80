import { randomBytes } from 'node:crypto';
import type { FileReply, UploadedFile } from '../platform/actions/action.js';
import { AppError, invalid, notFound } from '../platform/errors/app-error.js';
import { BadImage, type Images } from '../platform/images/images.js';
import { storageKey, type Storage, type StorageKey } from '../platform/storage/storage.js';

/**
 * Pictures of people and of groups.
 *
 * A picture is three square files under one random name, and never changes: a new picture has a new name. The name is not
 * to be guessed and is told to those who may see its bearer, so the files are served to whoever has it: an `<img>` sends
 * no credentials to another site.
 */
export type AvatarStore = {
  /** Makes the squares and keeps them all, or none. Answers the picture's name. Throws UNSUPPORTED_TYPE, VALIDATION_FAILED. */
  keep(file: UploadedFile): Promise<string>;
  /** Takes a picture's files away; repeating it is safe. */
  discard(name: string | null): Promise<void>;
  /** The smallest square of at least `size` pixels. Throws NOT_FOUND. */
  serve(name: string, size: number): Promise<FileReply>;
};

const SIZES = [64, 256, 512] as const;
/** Long, but not for ever: a picture lives on in the caches of those who saw it, also when its bearer is gone. */
const CACHE_SECONDS = 30 * 86_400;

export function createAvatarStore({ storage, images }: { storage: Storage; images: Images }): AvatarStore {
  async function discard(name: string | null): Promise<void> {
    if (name !== null) await storage.delete(...SIZES.map((size) => keyOf(name, size)));
  }

  return {
    discard,

    keep: async (file) => {
      const squares = await images.squares(file.path, SIZES).catch((error: unknown) => {
        throw error instanceof BadImage ? refusal(error, file.field) : error;
      });
      const name = randomBytes(16).toString('hex');
      try {
        for (const [size, bytes] of squares) await storage.put(keyOf(name, size), bytes);
      } catch (error) {
        await discard(name);
        throw error;
      }
      return name;
    },

    serve: async (name, asked) => {
      const size = SIZES.find((each) => each >= asked) ?? 512;
      const key = keyOf(name, size);
      const found = await storage.find(key);
      if (found === null) throw notFound('file');
      return {
        size: found.size,
        contentType: 'image/webp',
        etag: `"${name}-${String(size)}"`,
        headers: {
          'Cache-Control': `public, max-age=${String(CACHE_SECONDS)}, immutable`,
          'Content-Disposition': 'inline; filename="avatar.webp"',
          // Clients live on other origins; helmet's default would keep the picture from them.
          'Cross-Origin-Resource-Policy': 'cross-origin',
        },
        open: () => storage.read(key),
      };
    },
  };
}

function keyOf(name: string, size: number): StorageKey {
  return storageKey('avatars', `${name}-${String(size)}.webp`);
}

function refusal({ reason }: BadImage, field: string): AppError {
  if (reason === 'type')
    return new AppError('UNSUPPORTED_TYPE', { message: 'Please send a JPEG, PNG, GIF or WebP image.' });
  const message = reason === 'broken' ? 'can not be read as an image' : 'has too many pixels';
  return invalid({ field, message });
}
