// `millrace dead-letter ls|show|redrive|drop`.
import { type DeadLetter, isCut } from '../model/dead-letter.ts';
import { errorCode } from '../model/error-codes.ts';
import { redrive, type Redriven, refOfLetter } from '../pipeline/dead-letters.ts';
import { AppError } from '../platform/errors.ts';
import { withDesk } from './desk.ts';
import type { Desk } from './deps.ts';
import type { ConfigurationOptions } from './load-configuration.ts';
import { printable } from './object-text.ts';
import type { Session } from './session.ts';
import { assertSelected, type Change, type Selection, selects } from './selection.ts';

export async function listLetters(
  selection: Selection & { readonly json?: boolean },
  options: ConfigurationOptions,
  session: Session,
): Promise<number> {
  return withDesk(options, session, async (desk) => {
    for await (const letter of selected(desk, [], selection)) {
      const view = viewOf(letter, desk.wanted.store);
      if (!(await session.output.line(selection.json === true ? JSON.stringify(view) : line(view)))) return 0;
    }
    return 0;
  });
}

/** Errors: LETTER_NOT_FOUND. */
export async function showLetter(
  number: number,
  { json = false }: { readonly json?: boolean },
  options: ConfigurationOptions,
  session: Session,
): Promise<number> {
  return withDesk(options, session, async (desk) => {
    const letter = await desk.letters.letter(number);
    if (letter === null) throw new AppError('LETTER_NOT_FOUND', `there is no dead letter ${number}`);
    const view = {
      ...viewOf(letter, desk.wanted.store),
      headers: Object.fromEntries(letter.headers),
      ...bodyOf(letter),
    };
    await session.output.line(json ? JSON.stringify(view) : story(view));
    return 0;
  });
}

export async function redriveLetters(
  numbers: readonly number[],
  change: Change & { readonly asMessage?: boolean },
  options: ConfigurationOptions,
  session: Session,
): Promise<number> {
  assertSelected(numbers, change);
  const { asMessage = false, dryRun = false } = change;
  return withDesk(options, session, async (desk) => {
    const counts = { redriven: 0, left: 0, absent: 0 };
    for await (const letter of selected(desk, numbers, change, () => (counts.absent += 1))) {
      const done = await redrive(letter, desk, { wanted: desk.wanted, asMessage, dryRun });
      counts[done.kind === 'left' ? 'left' : 'redriven'] += 1;
      const told =
        change.json === true ? JSON.stringify({ number: letter.number, ...done }) : redriveLine(letter, done);
      await session.output.line(told);
    }
    return sum(counts, change, session);
  });
}

export async function dropLetters(
  numbers: readonly number[],
  change: Change,
  options: ConfigurationOptions,
  session: Session,
): Promise<number> {
  assertSelected(numbers, change);
  return withDesk(options, session, async (desk) => {
    const counts = { dropped: 0, absent: 0 };
    for await (const letter of selected(desk, numbers, change, () => (counts.absent += 1))) {
      const isDropped = change.dryRun === true || (await desk.letters.drop(letter.number));
      counts[isDropped ? 'dropped' : 'absent'] += 1;
      const view = viewOf(letter, desk.wanted.store);
      await session.output.line(change.json === true ? JSON.stringify({ number: letter.number }) : line(view));
    }
    return sum(counts, change, session);
  });
}

/** By number, else all that fit. `absent` is told of each number that is not there. */
async function* selected(
  { letters, wanted }: Desk,
  numbers: readonly number[],
  selection: Selection,
  absent: () => void = () => undefined,
): AsyncGenerator<DeadLetter, void, undefined> {
  const fits = selects(selection, Date.now());
  let left = selection.limit ?? Number.POSITIVE_INFINITY;
  for await (const letter of numbers.length === 0 ? letters.list() : named(letters, numbers, absent)) {
    const ref = refOfLetter(letter, wanted.store);
    const { code, lastSeenMs } = letter;
    if (!fits({ code, bucket: ref?.bucket ?? null, key: ref?.key ?? null, atMs: lastSeenMs })) continue;
    if (left <= 0) return;
    left -= 1;
    yield letter;
  }
}

async function* named(letters: Desk['letters'], numbers: readonly number[], absent: () => void) {
  for (const number of numbers) {
    const letter = await letters.letter(number);
    if (letter === null) absent();
    else yield letter;
  }
}

type LetterView = ReturnType<typeof viewOf>;

/** Its JSON shape is promised. */
function viewOf(letter: DeadLetter, store: string) {
  const { number, code, reason, stream, consumer, sequence, subject, deliveries, host, sizeBytes } = letter;
  const ref = refOfLetter(letter, store);
  return {
    number,
    code,
    reason,
    bucket: ref?.bucket ?? null,
    key: ref?.key ?? null,
    stream,
    consumer,
    sequence,
    subject,
    deliveries,
    firstSeen: new Date(letter.firstSeenMs).toISOString(),
    lastSeen: new Date(letter.lastSeenMs).toISOString(),
    host,
    sizeBytes,
    cut: isCut(letter),
  };
}

function bodyOf({ data }: DeadLetter): { readonly body: string; readonly encoding: 'utf8' | 'base64' } {
  try {
    return { body: new TextDecoder('utf-8', { fatal: true }).decode(data), encoding: 'utf8' };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { body: Buffer.from(data).toString('base64'), encoding: 'base64' };
  }
}

function objectOf({ bucket, key }: LetterView): string {
  return bucket === null || key === null ? '-' : `${bucket}/${printable(key)}`;
}

function line(view: LetterView): string {
  const { number, code, lastSeen, deliveries } = view;
  return [`#${number}`.padEnd(7), lastSeen, code.padEnd(20), `${deliveries}×`.padStart(5), objectOf(view)].join('  ');
}

function story(view: LetterView & ReturnType<typeof bodyOf>): string {
  const known = errorCode(view.code);
  const facts: (readonly [string, string | null])[] = [
    ['letter', `#${view.number}`],
    ['code', view.code],
    ['means', known?.meaning ?? null],
    ['reason', printable(view.reason)],
    ['object', objectOf(view)],
    ['from', `${view.stream} ${view.sequence}, ${printable(view.subject)}, by ${view.consumer} on ${view.host}`],
    ['delivered', `${view.deliveries} times, first ${view.firstSeen}, last ${view.lastSeen}`],
    ['size', `${view.sizeBytes} bytes${view.cut ? ', of which only the beginning was kept' : ''}`],
    ['helps', known?.remedy ?? null],
  ];
  const lines = facts.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(11)}${value}`]));
  return [...lines, `message (${view.encoding})`, printable(view.body)].join('\n');
}

function redriveLine({ number, code }: DeadLetter, done: Redriven): string {
  const to =
    done.kind === 'work-item'
      ? `work item for ${done.ref.bucket}/${printable(done.ref.key)} in the urgent lane of ${done.tier}`
      : done.kind === 'message'
        ? `back to ${printable(done.subject)}`
        : `LEFT: ${done.code}: ${errorCode(done.code)?.meaning ?? ''}`;
  return `#${number}  ${code}  ${to}`;
}

export async function sum(
  counts: Readonly<Record<string, number>>,
  { dryRun = false, json = false }: Change,
  { output }: Session,
): Promise<number> {
  const text = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  await output.line(
    json ? JSON.stringify({ ...counts, dryRun }) : `${text.join(', ')}${dryRun ? ' (dry run: nothing was done)' : ''}`,
  );
  return 0;
}
