import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import type { FileReply } from '../actions/action.js';

/**
 * Sends a file as the answer. Its type is ours to say and no browser's to guess, and should one run it all the same, then
 * without any right. Resolves when the answer is over, also when the client has gone.
 */
export async function sendFile(request: Request, response: Response, file: FileReply): Promise<void> {
  let whole = false;
  try {
    if (file.etag !== undefined && matches(request.headers['if-none-match'], file.etag)) {
      setHeaders(response, file, 304).end();
    } else if (request.method === 'HEAD') {
      setHeaders(response, file, 200).end();
    } else {
      // Opened before anything is said of it: a file that is not there is still a plain answer.
      whole = await send(await file.open(), setHeaders(response, file, 200));
    }
  } finally {
    await file.over?.(whole);
  }
}

/** False when the client broke off, which is no mistake of anybody's. */
async function send(bytes: Readable, response: Response): Promise<boolean> {
  try {
    await pipeline(bytes, response);
    return true;
  } catch (error) {
    bytes.destroy();
    if (response.headersSent || response.destroyed) return false;
    throw error;
  }
}

function setHeaders(response: Response, file: FileReply, status: 200 | 304): Response {
  response.statusCode = status;
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Content-Security-Policy', "default-src 'none'; sandbox");
  for (const [name, value] of Object.entries(file.headers)) response.setHeader(name, value);
  if (file.etag !== undefined) response.setHeader('ETag', file.etag);
  if (status === 304) return response;
  response.setHeader('Content-Type', file.contentType);
  response.setHeader('Content-Length', file.size);
  return response;
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header === '*' || header.split(',').some((each) => each.trim().replace(/^W\//, '') === etag);
}
