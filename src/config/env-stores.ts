import {
  bytes,
  duration,
  hostAndPort,
  listOf,
  matching,
  mongoUri,
  bad,
  ok,
  type Parser,
  oneOf,
  onOff,
  redisUrl,
  text,
  urlWith,
  wholeNumber,
} from './parsers.js';
import { optional, setting } from './row.js';

/** Where things are kept. */
export const storeRows = {
  DATA_DIR: setting(text, {
    default: './data',
    doc: 'Folder of the embedded database and of generated secrets.',
    example: '/var/lib/parley',
  }),
  UPLOAD_PATH: setting(text, {
    default: './uploads',
    doc: 'Folder of uploaded files.',
    example: '/var/lib/parley/uploads',
  }),
  LOG_DIR: setting(text, {
    default: './logs',
    doc: 'Folder of combined.log and error.log; off writes none.',
    example: '/var/log/parley',
  }),
  EMBEDDED: setting(oneOf('allow', 'refuse'), {
    default: { development: 'allow', test: 'allow', production: 'refuse' },
    doc: 'allow: run without MongoDB, Redis or secrets of your own, with built-in ones. Unset: not in production.',
    example: 'allow',
  }),
  MONGODB_URI: optional(mongoUri, {
    secret: true,
    doc: 'MongoDB, best a replica set. Unset: one is started from DATA_DIR where EMBEDDED allows it.',
    example: 'mongodb://user:password@localhost:27017/parley',
  }),
  MONGO_POOL_SIZE: setting(wholeNumber(1, 1000), {
    default: '50',
    doc: 'Connections to MongoDB at most, per process.',
    example: '50',
  }),
  REDIS_URL: optional(redisUrl, {
    secret: true,
    doc: 'redis://, rediss://, redis-sentinel://host,host/master or redis-cluster://host,host. Needed for more than one process.',
    example: 'redis://:password@localhost:6379',
  }),
  KEY_PREFIX: optional(matching(/^[\w:.{}-]{1,64}$/, 'at most 64 letters, digits or :._-{}'), {
    doc: 'Put before every key in Redis, as it is.',
    example: 'parley:',
  }),
};

const mediaType: Parser<string> = (raw) =>
  /^[a-z]+\/[a-z0-9.+-]+$/i.test(raw) ? ok(raw.toLowerCase()) : bad('is not a media type such as image/png');

/** Uploads and what is done with them. */
export const fileRows = {
  MAX_FILE_SIZE: setting(bytes(1024, 10 * 1024 ** 3), {
    default: '10485760',
    doc: 'Bytes of one uploaded file.',
    example: '20MB',
  }),
  MAX_RESUMABLE_SIZE: setting(bytes(1024, 1024 ** 4), {
    default: '1073741824',
    doc: 'Bytes of one file sent by resumable upload.',
    example: '2GB',
  }),
  MAX_VOICE_DURATION: setting(duration(1, 86_400), {
    default: '300',
    doc: 'Seconds of one voice note.',
    example: '10m',
  }),
  ALLOWED_FILE_TYPES: setting(listOf(mediaType), {
    default:
      'image/jpeg,image/png,image/gif,image/webp,application/pdf,text/plain,audio/webm,audio/ogg,audio/mpeg,audio/mp4,audio/wav,video/mp4,video/webm',
    doc: 'Media types that may be uploaded, comma-separated.',
    example: 'image/jpeg,image/png,application/pdf',
  }),
  FILE_URL_EXPIRY: setting(duration(10, 30 * 86_400), {
    default: '3600',
    doc: 'Seconds for which a signed link to a file is good.',
    example: '1h',
  }),
  STORAGE: setting(oneOf('local', 's3'), {
    default: 'local',
    doc: 'local (UPLOAD_PATH) or s3.',
    example: 's3',
  }),
  S3_ENDPOINT: optional(urlWith('http', 'https'), {
    doc: 'Address of an S3-compatible store. Unset: Amazon’s.',
    example: 'https://minio.example.org:9000',
  }),
  S3_REGION: setting(matching(/^[\w-]{1,64}$/, 'the name of a region'), {
    default: 'us-east-1',
    doc: 'Region of the bucket.',
    example: 'eu-central-1',
  }),
  S3_BUCKET: optional(matching(/^[\w.-]{3,63}$/, 'the name of a bucket'), {
    doc: 'Bucket for uploaded files; needed with STORAGE=s3.',
    example: 'parley-files',
  }),
  S3_ACCESS_KEY_ID: optional(text, {
    secret: true,
    doc: 'Needed with STORAGE=s3.',
    example: 'the key id of the store’s user',
  }),
  S3_SECRET_ACCESS_KEY: optional(text, {
    secret: true,
    doc: 'Needed with STORAGE=s3.',
    example: 'the secret key of the store’s user',
  }),
  S3_FORCE_PATH_STYLE: setting(onOff, {
    default: 'on',
    doc: 'Put the bucket into the path (MinIO and most others) rather than the host name.',
    example: 'off',
  }),
  CLAMD_HOST: optional(hostAndPort(3310), {
    doc: 'ClamAV daemon, host or host:port, that scans every upload.',
    example: 'clamav:3310',
  }),
};
