// `millrace refusal ls|show|retry|drop`.
import { errorCode } from '../model/error-codes.ts';
import { type ObjectRef, parseRef } from '../model/object-ref.ts';
import type { ObjectRow, Refusal } from '../model/object-row.ts';
import { dropRefusal, type RefusalAnswer, retryRefusal } from '../pipeline/refusals.ts';
import { AppError } from '../platform/errors.ts';
import { sum } from './dead-letter.ts';
import type { Desk } from './deps.ts';
import { withDesk } from './desk.ts';
import type { ConfigurationOptions } from './load-configuration.ts';
import { printable } from './object-text.ts';
import type { Session } from './session.ts';
import { assertSelected, type Change, type Selection, selects } from './selection.ts';

export async function listRefusals(
  selection: Selection & { readonly json?: boolean },
  options: ConfigurationOptions,
  session: Session,
): Promise<number> {
  return withDesk(options, session, async (desk) => {
    for await (const refused of selected(desk, [], selection)) {
      const view = viewOf(refused);
      if (!(await session.output.line(selection.json === true ? JSON.stringify(view) : line(view)))) return 0;
    }
    return 0;
  });
}

/** Errors: NO_REFUSAL. */
export async function showRefusal(
  path: string,
  { json = false }: { readonly json?: boolean },
  options: ConfigurationOptions,
  session: Session,
): Promise<number> {
  return withDesk(options, session, async (desk) => {
    const row = await desk.index.row(refOf(path, desk.wanted.store));
    if (!isRefused(row)) throw new AppError('NO_REFUSAL', `${path} is not refused`);
    const view = viewOf(row);
    await session.output.line(json ? JSON.stringify(view) : story(view));
    return 0;
  });
}

export function retryRefusals(
  paths: readonly string[],
  change: Change,
  options: ConfigurationOptions,
  session: Session,
): Promise<number> {
  return forEach(paths, change, options, session, 'retried', (row, desk) =>
    retryRefusal(row, desk, desk.wanted, Date.now()),
  );
}

export function dropRefusals(
  paths: readonly string[],
  change: Change,
  options: ConfigurationOptions,
  session: Session,
): Promise<number> {
  return forEach(paths, change, options, session, 'dropped', (row, desk) => dropRefusal(row, desk, desk.wanted));
}

async function forEach(
  paths: readonly string[],
  change: Change,
  options: ConfigurationOptions,
  session: Session,
  done: 'retried' | 'dropped',
  apply: (row: Refused, desk: Desk) => Promise<RefusalAnswer>,
): Promise<number> {
  assertSelected(paths, change);
  return withDesk(options, session, async (desk) => {
    const counts = { [done]: 0, moved: 0, absent: 0 };
    const absent = () => void (counts['absent'] = (counts['absent'] ?? 0) + 1);
    for await (const row of selected(desk, paths, change, absent)) {
      const answer = change.dryRun === true ? 'changed' : await apply(row, desk);
      const name = answer === 'moved' ? 'moved' : done;
      counts[name] = (counts[name] ?? 0) + 1;
      const view = viewOf(row);
      await session.output.line(
        change.json === true
          ? JSON.stringify({ bucket: view.bucket, key: view.key, code: view.code, answer })
          : line(view),
      );
    }
    return sum(counts, change, session);
  });
}

type Refused = ObjectRow & { readonly refusal: Refusal };

function isRefused(row: ObjectRow | null): row is Refused {
  return row !== null && row.state === 'refused' && row.refusal !== null;
}

async function* selected(
  { index, wanted }: Desk,
  paths: readonly string[],
  selection: Selection,
  absent: () => void = () => undefined,
): AsyncGenerator<Refused, void, undefined> {
  const fits = selects(selection, Date.now());
  let left = selection.limit ?? Number.POSITIVE_INFINITY;
  const { bucket, prefix } = selection;
  const rows = paths.length === 0 ? index.refused(bucket, prefix) : named(index, paths, wanted.store);
  for await (const row of rows) {
    if (!isRefused(row)) {
      absent();
      continue;
    }
    const { ref, refusal, committedAtMs } = row;
    if (!fits({ code: refusal.code, bucket: ref.bucket, key: ref.key, atMs: committedAtMs })) continue;
    if (left <= 0) return;
    left -= 1;
    yield row;
  }
}

async function* named(index: Desk['index'], paths: readonly string[], store: string) {
  for (const path of paths) yield await index.row(refOf(path, store));
}

function refOf(path: string, store: string): ObjectRef {
  const ref = parseRef(store, path);
  if (ref !== null) return ref;
  throw new AppError('USAGE', `${JSON.stringify(path)} is not <bucket>/<key>`, {
    remedy: 'Write it like images/cats/1.jpg.',
  });
}

type RefusalView = ReturnType<typeof viewOf>;

/** Its JSON shape is promised. */
function viewOf({ ref, refusal, version, revision, committedAtMs, set }: Refused) {
  const { code, message, retryAtMs } = refusal;
  return {
    bucket: ref.bucket,
    key: ref.key,
    code,
    message,
    etag: version.etag,
    size: version.sizeBytes,
    contentType: version.contentType,
    refused: new Date(committedAtMs).toISOString(),
    /** Null: only a change of version, limits or decoders brings another try. */
    retryAt: retryAtMs === null ? null : new Date(retryAtMs).toISOString(),
    /** Renditions of the same bytes, made before, are still served. */
    hasRenditions: set !== null,
    revision,
  };
}

function line({ bucket, key, code, refused, retryAt }: RefusalView): string {
  const again = retryAt === null ? 'not again' : `again ${retryAt}`;
  return [refused, code.padEnd(24), again.padEnd(30), `${bucket}/${printable(key)}`].join('  ');
}

function story(view: RefusalView): string {
  const known = errorCode(view.code);
  const facts: (readonly [string, string | null])[] = [
    ['object', `${view.bucket}/${printable(view.key)}`],
    ['code', view.code],
    ['means', known?.meaning ?? null],
    ['message', printable(view.message)],
    ['refused', view.refused],
    ['again', view.retryAt ?? 'when the object, the limits or the decoders change'],
    ['renditions', view.hasRenditions ? 'of the same bytes, made before, are served' : null],
    ['helps', known?.remedy ?? null],
  ];
  return facts.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(12)}${value}`])).join('\n');
}
