import { open } from 'node:fs/promises';
import sharp from 'sharp';

/** Why an image was not taken. `type`: it is none of the kinds we read. `broken`: it could not be decoded, or not in time. */
export class BadImage extends Error {
  constructor(readonly reason: 'type' | 'broken' | 'too many pixels') {
    super(`The image was refused: ${reason}.`);
    this.name = 'BadImage';
  }
}

/**
 * Images of strangers, decoded and made anew. What comes out holds nothing of what came in but its colours: no metadata,
 * no appended archive, no script. What a file is, its bytes say, not its name.
 */
export type Images = {
  /**
   * The middle square of the image at `path` in each of the sizes (pixels of an edge), as WebP, turned the right way up.
   * Of a moving image the first frame. Rejects with BadImage.
   */
  squares(path: string, sizes: readonly number[]): Promise<Map<number, Buffer>>;
};

/** A phone's camera makes up to 50 million, as a rule. */
const MAX_PIXELS = 64_000_000;
const MAX_SECONDS = 10;
/** Decoding is heavy, and shares its threads with password hashing: more at once would only be slower. */
const AT_ONCE = 2;

const loaders = ['VipsForeignLoadJpeg', 'VipsForeignLoadPng', 'VipsForeignLoadWebp', 'VipsForeignLoadNsgif'];

export function createImages(): Images {
  // Everything else that the library can read (SVG, HEIF, PDF, TIFF …) is code that strangers need not reach.
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: loaders });
  // A cache would keep files open, and hold what was deleted.
  sharp.cache(false);
  const turns = createTurns(AT_ONCE);

  return {
    squares: (path, sizes) =>
      turns.take(async () => {
        if (!(await isReadable(path))) throw new BadImage('type');
        const largest = Math.max(...sizes);
        try {
          const { data, info } = await sharp(path, {
            limitInputPixels: MAX_PIXELS,
            failOn: 'error',
            sequentialRead: true,
            pages: 1,
          })
            .timeout({ seconds: MAX_SECONDS })
            .autoOrient()
            .resize(largest, largest, { fit: 'cover' })
            .toColourspace('srgb')
            .raw()
            .toBuffer({ resolveWithObject: true });
          const { width, height, channels } = info;
          const made = await Promise.all(
            sizes.map(async (size) => {
              const square = sharp(data, { raw: { width, height, channels } }).resize(size, size);
              return [size, await square.webp({ quality: 82 }).toBuffer()] as const;
            }),
          );
          return new Map(made);
        } catch (error) {
          const tooMany = String(error).includes('pixel limit');
          throw new BadImage(tooMany ? 'too many pixels' : 'broken');
        }
      }),
  };
}

/** By its first bytes one of JPEG, PNG, GIF, WebP. */
async function isReadable(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(12), 0, 12, 0);
    const text = buffer.toString('latin1');
    return (
      text.startsWith('\xff\xd8\xff') ||
      text.startsWith('\x89PNG\r\n\x1a\n') ||
      /^GIF8[79]a/.test(text) ||
      (text.startsWith('RIFF') && text.endsWith('WEBP'))
    );
  } finally {
    await file.close();
  }
}

/** Lets so many run at once; the others wait in the order they came. */
function createTurns(atOnce: number) {
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    take: async <T>(work: () => Promise<T>): Promise<T> => {
      if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
      else running += 1;
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}
