import type { Config } from '../config/config.js';
import type { App } from './create-app.js';

/** What a person who started the server wants to know; never a secret. */
export function banner({ config, version, url, parts }: App & { config: Config; version: string }): string {
  const lines = [
    ``,
    `  Parley ${version} is up (${config.env})`,
    ``,
    `    Chat      ${config.server.publicUrl ?? url}`,
    `    Health    ${url}/health   ${url}/readyz`,
    `    Docs      ${url}/api/docs`,
    `    Guide     README.md: a first conversation with curl and socket.io-client`,
    ``,
    `    Database  ${parts.database}`,
    `    Key store ${parts.keyStore}`,
    `    Secrets   ${parts.secrets}`,
    `    Uploads   ${config.data.uploadPath}`,
    `    Logs      ${config.data.logDir ?? 'console only'}`,
    ...(parts.embedded && config.env !== 'production'
      ? [
          ``,
          `    For production set: NODE_ENV=production MONGODB_URI REDIS_URL PUBLIC_URL JWT_SECRET (see .env.example)`,
        ]
      : []),
    ``,
    ``,
  ];
  return lines.join('\n');
}
