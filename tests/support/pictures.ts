import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';

/** Pictures for uploads: honest ones, and such as must do no harm. */
export const pictures = {
  /** Left half red, right half blue; 800 × 400, with what a camera writes into it. */
  jpeg: (secret = 'none'): Promise<Buffer> =>
    halves()
      .withExif({ IFD0: { Copyright: secret }, IFD3: { GPSLatitude: '52/1 31/1 0/1' } })
      .jpeg()
      .toBuffer(),
  /** As `jpeg`, lying on its side: the camera says to turn it by 90° clockwise, so red is on top. */
  sideways: (): Promise<Buffer> => halves().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
  png: (): Promise<Buffer> => halves().png().toBuffer(),
  webp: (): Promise<Buffer> => halves().webp().toBuffer(),
  gif: (): Promise<Buffer> => halves().gif().toBuffer(),
  avif: (): Promise<Buffer> => halves().avif().toBuffer(),
  tiff: (): Promise<Buffer> => halves().tiff().toBuffer(),
  svg: (): Buffer =>
    Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script><image href="file:///etc/passwd"/></svg>',
    ),
  /** A hundred kilobytes that say they are 30,000 × 30,000 pixels, and are. */
  bomb: (): Buffer => {
    const head = Buffer.alloc(13);
    head.writeUInt32BE(30_000, 0);
    head.writeUInt32BE(30_000, 4);
    head[8] = 1;
    return pngOf(
      ['IHDR', head],
      ['IDAT', deflateSync(Buffer.alloc(3_751 * 30_000))],
      ['IEND', Buffer.alloc(0)],
    );
  },
  /** Says it has four times a thousand million pixels, in fifty bytes. */
  liar: (): Buffer => {
    const head = Buffer.alloc(13);
    head.writeUInt32BE(65_535, 0);
    head.writeUInt32BE(65_535, 4);
    head.set([8, 6], 8);
    return pngOf(['IHDR', head], ['IEND', Buffer.alloc(0)]);
  },
};

function halves() {
  return sharp({ create: { width: 800, height: 400, channels: 3, background: '#ff0000' } }).composite([
    {
      input: { create: { width: 400, height: 400, channels: 3, background: '#0000ff' } },
      left: 400,
      top: 0,
    },
  ]);
}

function pngOf(...chunks: [type: string, data: Buffer][]): Buffer {
  const parts = chunks.map(([type, data]) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const around = Buffer.alloc(8);
    around.writeUInt32BE(data.length, 0);
    around.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([around.subarray(0, 4), body, around.subarray(4)]);
  });
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]);
}
