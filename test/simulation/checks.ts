// What must hold: at each commit, and when everything is quiet.
import { claimsImage, saysNoImage } from '../../workers/model/claims.ts';
import { desiredOf } from '../../workers/model/desired.ts';
import { type ObjectRef, refHash } from '../../workers/model/object-ref.ts';
import type { ObjectRow, RowState } from '../../workers/model/object-row.ts';
import { sameVersion } from '../../workers/model/object-version.ts';
import { renditionFile } from '../../workers/model/preset.ts';
import { FACTS_FILE } from '../../workers/model/rendition-set.ts';
import type { CommitRequest } from '../../workers/pipeline/ports.ts';
import type { StoredObject } from './twins/memory-objects.ts';
import type { World } from './world.ts';

/** `seen`: how many changes of the object the committing handling had seen in its last look. */
export function checkCommit(
  world: World,
  { ref, change }: CommitRequest,
  before: ObjectRow | null,
  row: ObjectRow,
  seen: number,
): void {
  const { history } = world;
  const key = refHash(ref);
  history.commits++;
  if (change.kind === 'rendered') history.renders++;
  history.lastRow.set(key, row);
  world.scheduler.trace(
    () => `row of ${ref.key}: ${row.state} revision ${row.revision}, set ${row.set?.id.slice(-6) ?? 'none'}`,
  );
  if (before !== null && seen < (history.seenByRow.get(key) ?? 0)) {
    world.violate('a commit is older than the row it replaces');
  }
  history.seenByRow.set(key, seen);
  const trouble = setTrouble(world, row);
  if (trouble !== null) world.violate(trouble);
}

/** Null: the row's set is whole, live, and of the bytes of the row's version. */
function setTrouble(world: World, { set, version }: ObjectRow): string | null {
  if (set === null) return null;
  const stored = world.index.set(set.id);
  if (stored?.state !== 'live') return `a row names a set that is ${stored?.state ?? 'unknown'}`;
  const files = world.volume(set.volume).files(set.id);
  if (!files.has(FACTS_FILE)) return 'a row names a set that is not whole';
  for (const { file } of set.renditions) {
    const content = files.get(file);
    if (content === undefined) return 'a row names a set that lacks a file';
    if (content !== version.etag) return "a set has the bytes of another version than its row's";
  }
  return null;
}

/** The state of an object whose present content is known, said without the pipeline's help. Null: no row. */
export function expectedState(ref: ObjectRef, object: StoredObject | null): RowState | null {
  if (object === null) return null;
  const { contentType } = object.version;
  if (saysNoImage(ref.key, contentType)) return 'plain';
  const [kind = ''] = object.body.split(':');
  switch (kind) {
    case 'pic':
      return 'committed';
    case 'text':
      return claimsImage(ref.key, contentType) ? 'refused' : 'plain';
    default:
      return 'refused';
  }
}

/** Everything that must be true when nothing is left to do; the first thing that is not. */
export function quietTrouble(world: World): string | null {
  const rows = new Map([...world.index.rows()].map((row) => [refHash(row.ref), row]));
  for (const ref of world.refs) {
    const trouble = objectTrouble(world, ref, rows.get(refHash(ref)) ?? null);
    if (trouble !== null) return `${ref.key}: ${trouble}`;
  }
  const named = new Set([...rows.values()].flatMap(({ set }) => (set === null ? [] : [set.id])));
  for (const { setId, state } of world.index.sets()) {
    if (!named.has(setId)) return `a set is left in the index: ${state} ${setId.slice(-6)}`;
  }
  for (const { volumes } of world.hosts) {
    for (const volume of volumes) {
      for (const setId of volume.setIds()) {
        const stored = world.index.set(setId);
        if (stored?.state !== 'live' || stored.volume !== volume.volumeId) return 'a directory is left on the volume';
      }
    }
  }
  for (const { unsettled } of [...Object.values(world.consumers), ...world.lanes.map(({ consumer }) => consumer)]) {
    for (const message of unsettled()) return `a message is left: ${message}`;
  }
  return null;
}

function objectTrouble(world: World, ref: ObjectRef, row: ObjectRow | null): string | null {
  const object = world.objects.current(ref);
  const expected = expectedState(ref, object);
  const state = row?.state ?? null;
  if (state !== expected) return `the row is ${state ?? 'absent'}, not ${expected ?? 'absent'}`;
  const last = world.history.lastRow.get(refHash(ref));
  const told = world.outcomes.told(ref);
  if (last !== undefined && told?.revision !== last.revision) {
    return `revision ${last.revision} (${last.state}) was not told, the last told is ${told?.revision ?? 'none'}`;
  }
  if (last !== undefined && told?.state !== last.state) return 'another state was told than the row has';
  if (row === null || object === null) return null;
  if (!sameVersion(row.version, object.version)) return "the row's version is not the object's";
  if (row.state !== 'committed') return row.set === null ? null : `a ${row.state} row has a set`;
  return setTrouble(world, row) ?? desiredTrouble(world, row);
}

function desiredTrouble(world: World, { ref, set }: ObjectRow): string | null {
  const desired = desiredOf(ref, world.configuration.current());
  if (set === null || desired === null) return 'a committed row has no set';
  if (set.fingerprint !== desired.fingerprint || set.tier !== desired.tier) return 'the set is not the one wanted';
  const files = set.renditions.map(({ file }) => file).sort();
  const wanted = desired.presets.map(renditionFile).sort();
  return files.join() === wanted.join() ? null : `the set has ${files.join()}`;
}
