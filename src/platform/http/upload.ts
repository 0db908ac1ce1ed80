import { rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Request, Response } from 'express';
import multer, { MulterError } from 'multer';
import type { UploadedFile, UploadRule } from '../actions/action.js';
import { AppError, invalid } from '../errors/app-error.js';

/**
 * Multipart requests with a file: read into quarantine, under a name of ours.
 *
 * Invariant: whatever becomes of a request (refused, broken off, taken), nothing of it is in quarantine once `discard` has
 * resolved, and no descriptor stays open.
 */
export type Uploads = {
  /** Rejects 413, 415, 422 or 400 with nothing left behind. */
  receive(request: Request, response: Response, rule: UploadRule): Promise<Received>;
};

export type Received = {
  /** The text fields. Repeated or nested ones are lists and objects: as hostile as any other input. */
  fields: Readonly<Record<string, unknown>>;
  file: UploadedFile | undefined;
  discard(): Promise<void>;
};

/** Fields are few and short here: what is long comes as a file. */
const LIMITS = { fields: 20, fieldNameSize: 100, fieldSize: 16_384, files: 1, parts: 21, headerPairs: 32 };
/** Boundaries, headers and fields around a file that is just small enough. */
const AROUND_BYTES = 512 * 1_024;

/** `quarantine`: a fresh path for each file (platform/storage). */
export function createUploads({ quarantine }: { quarantine: () => Promise<string> }): Uploads {
  return {
    receive: async (request, response, rule) => {
      if (!/^multipart\/form-data\s*;/i.test(request.headers['content-type'] ?? ''))
        throw new AppError('UNSUPPORTED_TYPE', { message: 'Please send the file as multipart/form-data.' });
      if (Number(request.headers['content-length'] ?? 0) > rule.maxBytes + AROUND_BYTES) throw tooLarge(rule);
      const paths: string[] = [];
      const discard = async (): Promise<void> => {
        await Promise.all(paths.map((path) => rm(path, { force: true })));
      };
      const fresh = async (): Promise<string> => {
        const path = await quarantine();
        paths.push(path);
        return path;
      };
      try {
        await read(request, response, { rule, fresh });
      } catch (error) {
        await discard();
        throw explain(error, rule);
      }
      const file = Array.isArray(request.files) ? request.files[0] : undefined;
      return {
        fields: (request.body ?? {}) as Record<string, unknown>,
        file: file === undefined ? undefined : described(file),
        discard,
      };
    },
  };
}

type Reading = { rule: UploadRule; fresh: () => Promise<string> };

function read(request: Request, response: Response, { rule, fresh }: Reading): Promise<void> {
  // One path for both questions that multer asks of a place.
  const placed = new WeakMap<object, Promise<string>>();
  const place = (file: object): Promise<string> => {
    const known = placed.get(file) ?? fresh();
    placed.set(file, known);
    return known;
  };
  const handle = multer({
    storage: multer.diskStorage({
      destination: (_request, file, done) => {
        place(file).then(
          (path) => done(null, dirname(path)),
          (error: Error) => done(error, ''),
        );
      },
      filename: (_request, file, done) => {
        place(file).then(
          (path) => done(null, basename(path)),
          (error: Error) => done(error, ''),
        );
      },
    }),
    limits: { ...LIMITS, fileSize: rule.maxBytes },
    fileFilter: (_request, file, done) => {
      if (rule.fields.includes(file.fieldname)) done(null, true);
      else done(new MulterError('LIMIT_UNEXPECTED_FILE', file.fieldname));
    },
    // A browser sends a name as UTF-8 and says nothing of it.
    defParamCharset: 'utf8',
  }).any();
  return new Promise((resolve, reject) => {
    handle(request, response, (error?: unknown) => {
      if (error === undefined || error === null) resolve();
      else reject(error instanceof Error ? error : new Error('The upload failed.', { cause: error }));
    });
  });
}

function described(file: Express.Multer.File): UploadedFile {
  const { fieldname: field, path, size, originalname } = file;
  return { field, path, size, originalName: originalname };
}

const tooLarge = (rule: UploadRule): AppError =>
  new AppError('TOO_LARGE', { message: `The file is larger than ${String(rule.maxBytes)} bytes.` });

/** What multer and the parser behind it complain of, in our words; what is nobody's mistake stays as it is. */
function explain(error: unknown, rule: UploadRule): unknown {
  if (error instanceof MulterError) {
    if (error.code === 'LIMIT_FILE_SIZE') return tooLarge(rule);
    if (error.code === 'LIMIT_UNEXPECTED_FILE')
      return invalid({ field: rule.fields[0], message: 'must be the one file, in a field of this name' });
    return new AppError('TOO_LARGE', { message: 'The form has too many or too long parts.' });
  }
  // The disk's own errors; all others are about what was sent.
  if (typeof error === 'object' && error !== null && 'syscall' in error) {
    const full = 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
    return full ? new AppError('UNAVAILABLE', { cause: error }) : error;
  }
  return new AppError('BAD_REQUEST', { message: 'The form could not be read to its end.' });
}
