import express, { type Router } from 'express';
import type { KeptMail } from '../mail/dev-mailbox.js';

/** Nothing is loaded, nothing runs; the mails' HTML stands in frames without any rights. */
const POLICY = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** GET /dev/mailbox: what would have been mailed, as a page or (by Accept) as JSON. For development only. */
export function devMailboxRoutes(list: () => Promise<KeptMail[]>): Router {
  const router = express.Router();
  router.get('/dev/mailbox', async (request, response) => {
    const mails = await list();
    response.set('Cache-Control', 'no-store').set('Content-Security-Policy', POLICY).vary('Accept');
    if (request.accepts(['html', 'json']) === 'html') response.type('html').send(page(mails));
    else response.json({ success: true, message: `${mails.length} mails`, data: { mails } });
  });
  return router;
}

function page(mails: readonly KeptMail[]): string {
  const empty = '<p>No mail yet. What the server would send appears here.</p>';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Mailbox (${mails.length})</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
  article { border: 1px solid #ccc; border-radius: 8px; margin: 0 0 1rem; padding: 1rem; }
  h2 { font-size: 1.1rem; margin: 0; }
  p { margin: .25rem 0; color: #555; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 1rem 0 .5rem; }
  iframe { width: 100%; height: 36rem; border: 1px solid #ddd; }
</style>
</head>
<body>
<h1>Mailbox</h1>
<p>Development without SMTP_URL: these mails were not sent. The last 200, newest first.</p>
${mails.length === 0 ? empty : mails.map(article).join('\n')}
</body>
</html>
`;
}

function article({ to, subject, text, html, at }: KeptMail): string {
  return `<article>
<h2>${escaped(subject)}</h2>
<p>To ${escaped(to)}, ${escaped(at)}</p>
<pre>${escaped(text)}</pre>
<details><summary>HTML</summary><iframe sandbox title="HTML of the mail" loading="lazy" srcdoc="${escaped(html)}"></iframe></details>
</article>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
