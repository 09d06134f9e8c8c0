// The quiet state, asserted whole: for every object exactly the right row and set, and nothing else in the index or on any volume.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client as S3 } from 'minio';
import { Client } from 'pg';
import { desiredOf, type Wanted } from '../../workers/model/desired.ts';
import { MARKER_FILE } from '../../workers/model/volume.ts';
import { renditionFile } from '../../workers/model/preset.ts';
import { FACTS_FILE, isSetId, type SetFacts, setDirectory } from '../../workers/model/rendition-set.ts';

export interface World {
  readonly s3: S3;
  readonly databaseUrl: string;
  readonly wanted: Wanted;
  readonly buckets: readonly string[];
  readonly volumes: readonly { readonly volumeId: string; readonly path: string }[];
}

export interface Expectation {
  /** Of keys that do not end committed: `plain`, or the code of a refusal. Everything else is expected to be committed. */
  readonly except?: ReadonlyMap<string, string>;
}

interface Row {
  readonly bucket: string;
  readonly key: string;
  readonly state: string;
  readonly etag: string;
  readonly refusal_code: string | null;
  readonly set_id: string | null;
  readonly revision: string;
}

interface SetRow {
  readonly id: string;
  readonly state: string;
  readonly volume: string;
  readonly fingerprint: string;
}

/** Rejects with an AssertionError that names the first thing that is not as it should be. */
export async function assertExactState(world: World, { except = new Map() }: Expectation = {}): Promise<void> {
  const objects = await listObjects(world);
  const { rows, sets } = await readIndex(world.databaseUrl);

  const rowKeys = rows.map(({ bucket, key }) => `${bucket}/${key}`).sort();
  assert.deepEqual(rowKeys, [...objects.keys()].sort(), 'the index has a row for each object and for nothing else');

  const liveSets = new Set<string>();
  for (const row of rows) {
    const path = `${row.bucket}/${row.key}`;
    assert.equal(row.etag, objects.get(path), `${path}: the row is of the present version`);
    const exception = except.get(row.key);
    if (exception !== undefined) {
      assert.equal(row.refusal_code ?? row.state, exception, `${path}: refused or plain as expected`);
      assert.equal(row.set_id, null, `${path}: has no set`);
      continue;
    }
    assert.equal(row.state, 'committed', `${path}: committed (refusal ${row.refusal_code})`);
    assert.ok(row.set_id, `${path}: names a set`);
    liveSets.add(row.set_id);
    const set = sets.get(row.set_id);
    assert.equal(set?.state, 'live', `${path}: its set is live`);
    await assertSetOnVolume(world, row, set);
  }
  const others = [...sets.values()].filter(({ id }) => !liveSets.has(id));
  assert.deepEqual(others, [], 'the index has no set that no row names');

  for (const { path } of world.volumes) {
    const found = await setDirectoriesOf(path);
    const unknown = found.filter((setId) => !liveSets.has(setId));
    assert.deepEqual(unknown, [], `volume ${path} has no directory that no row names`);
  }
}

async function assertSetOnVolume({ wanted, volumes }: World, row: Row, set: SetRow): Promise<void> {
  const path = `${row.bucket}/${row.key}`;
  const ref = { store: wanted.store, bucket: row.bucket, key: row.key };
  const desired = desiredOf(ref, wanted);
  assert.ok(desired, `${path}: is covered by a source`);
  assert.equal(set.fingerprint, desired.fingerprint, `${path}: its set is of the presets in force`);
  const volume = volumes.find(({ volumeId }) => volumeId === set.volume);
  assert.ok(volume, `${path}: its set is on a known volume`);

  const directory = join(volume.path, setDirectory(set.id));
  const expected = [...desired.presets.map(renditionFile), FACTS_FILE].sort();
  assert.deepEqual((await readdir(directory)).sort(), expected, `${path}: the set is whole and has nothing else`);
  const facts = JSON.parse(await readFile(join(directory, FACTS_FILE), 'utf8')) as SetFacts;
  assert.deepEqual(facts.ref, ref, `${path}: the facts are of this object`);
  assert.equal(facts.version.etag, row.etag, `${path}: the facts are of this version`);
  assert.equal(facts.setId, set.id);
  for (const { file, sha256, bytes } of facts.renditions) {
    const content = await readFile(join(directory, file));
    assert.equal(content.length, bytes, `${path}: ${file} has its length`);
    assert.equal(createHash('sha256').update(content).digest('hex'), sha256, `${path}: ${file} has its bytes`);
  }
}

async function listObjects({ s3, buckets }: World): Promise<Map<string, string>> {
  const objects = new Map<string, string>();
  for (const bucket of buckets) {
    for await (const item of s3.listObjectsV2(bucket, '', true) as AsyncIterable<{ name: string; etag: string }>) {
      objects.set(`${bucket}/${item.name}`, item.etag.replaceAll('"', ''));
    }
  }
  return objects;
}

async function readIndex(databaseUrl: string): Promise<{ rows: Row[]; sets: Map<string, SetRow> }> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<Row>(
      'SELECT bucket, key, state, etag, refusal_code, set_id, revision FROM millrace.objects',
    );
    const sets = await client.query<SetRow>('SELECT id, state, volume, fingerprint FROM millrace.sets');
    return { rows, sets: new Map(sets.rows.map((set) => [set.id, set])) };
  } finally {
    await client.end();
  }
}

async function setDirectoriesOf(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory() && isSetId(entry.name)) found.push(entry.name);
    else if (entry.isFile() && !isSetId(entry.parentPath.slice(-36))) assert.equal(entry.name, MARKER_FILE);
  }
  return found;
}
