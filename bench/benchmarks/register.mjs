/** POST /api/auth/register while the mail server takes two seconds for every mail, against the same without mail. */
import { randomBytes } from 'node:crypto';
import { SMTPServer } from 'smtp-server';
import { createHistogram } from '../lib/histogram.mjs';
import { interleave, REHEARSALS } from '../lib/measure.mjs';
import { ratios, spread } from '../lib/numbers.mjs';
import { makeScene, startParley } from '../lib/parley.mjs';

const SMTP_DELAY_MS = 2_000;
const TARGET_MS = 150;

export async function run({ rounds, quick, controlsOnly, stage, report }) {
  // Without mail it is still Parley: there is no bare server to compare a password hash with.
  if (controlsOnly) return;
  const people = quick ? 10 : 40;
  const smtp = await startSlowSmtp();
  try {
    const contenders = [
      await contender(stage, {
        name: 'without mail',
        database: 'bench_register_plain',
        env: {},
        answers: 201,
      }),
      await contender(stage, {
        name: 'with mail',
        database: 'bench_register_mail',
        env: { EMAIL_VERIFICATION: 'on', SMTP_URL: smtp.url },
        answers: 200,
      }),
    ];
    const results = await interleave(rounds, contenders, (one) => register(one, people), REHEARSALS);
    for (const [name, figures] of results)
      for (const { wrong } of figures) for (const what of wrong) report.broken(`${name}: ${what}`);

    report.table({
      title: `register: ${people} people one after the other; the mail server takes ${SMTP_DELAY_MS / 1000} s for a mail`,
      columns: ['', 'p50 ms', 'p99 ms'],
      rows: [...results].map(([name, figures]) => [
        name,
        spread(
          figures.map(({ times }) => times.p50),
          1,
        ),
        spread(
          figures.map(({ times }) => times.p99),
          1,
        ),
      ]),
    });
    if (smtp.taken() === 0) report.broken('with mail: no mail has arrived');
    const p50 = (name) => results.get(name).map(({ times }) => times.p50);
    report.verdict('register p50 with mail, ms', p50('with mail'), { atMost: TARGET_MS });
    report.verdict('with mail / without, p50', ratios(p50('with mail'), p50('without mail')), {
      atMost: 1.2,
    });
  } finally {
    await smtp.close();
  }
}

async function contender(stage, { name, database, env, answers }) {
  // Makes the indexes, without which production does not start.
  await makeScene(stage, { database, count: 0, chats: [] });
  const server = await startParley(stage, { database, env });
  return { name, answers, ...server.target };
}

/** One after the other: two password hashes at once would share the machine's cores with each other. */
async function register({ host, port, answers }, people) {
  const times = createHistogram();
  const wrong = [];
  for (let person = 0; person < people; person++) {
    const username = `bench_${randomBytes(8).toString('hex')}`;
    const body = JSON.stringify({ username, email: `${username}@example.org`, password: 'Bench-password-1' });
    const start = performance.now();
    const response = await fetch(`http://${host}:${port}/api/auth/register`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body,
    });
    const answer = await response.text();
    times.record((performance.now() - start) * 1000);
    if (response.status !== answers) wrong.push(`${response.status} ${answer.slice(0, 200)}`);
  }
  return { times: times.summary(), wrong };
}

/** A real SMTP server that thinks about each mail before it takes it. */
async function startSlowSmtp() {
  let count = 0;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    onData: (stream, _session, done) => {
      stream.resume();
      stream.once('end', () => {
        setTimeout(() => {
          count++;
          done();
        }, SMTP_DELAY_MS);
      });
    },
  });
  server.on('error', () => undefined);
  const listener = server.listen(0, '127.0.0.1');
  await new Promise((resolve) => listener.once('listening', resolve));
  return {
    url: `smtp://127.0.0.1:${listener.address().port}`,
    taken: () => count,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
