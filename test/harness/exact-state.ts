// The quiet state, asserted whole: for every object exactly the right row and set, and nothing else in the index or on any volume.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client as S3 } from 'minio';
import { Client } from 'pg';
import sharp from 'sharp';
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
  readonly version_id: string | null;
  readonly modified_at_s: number;
  readonly content_type: string;
  readonly metadata: { readonly width: number; readonly height: number } | null;
  readonly refusal_code: string | null;
  readonly set_id: string | null;
}

interface SetRow {
  readonly id: string;
  readonly state: string;
  readonly volume: string;
  readonly fingerprint: string;
  readonly renditions: SetFacts['renditions'] | null;
}

/** As the store has it. */
interface Present {
  readonly etag: string;
  readonly versionId: string | null;
  readonly modifiedAtS: number;
  readonly contentType: string;
}

/** Rejects with an AssertionError that names the first thing that is not as it should be. */
export async function assertExactState(world: World, { except = new Map() }: Expectation = {}): Promise<void> {
  const { rows, sets } = await readIndex(world.databaseUrl);
  const objects = await presentObjects(world, rows);

  const rowKeys = rows.map(({ bucket, key }) => `${bucket}/${key}`).sort();
  assert.deepEqual(rowKeys, [...objects.keys()].sort(), 'the index has a row for each object and for nothing else');

  const liveSets = new Set<string>();
  for (const row of rows) {
    const path = `${row.bucket}/${row.key}`;
    const { etag, version_id: versionId, modified_at_s: modifiedAtS, content_type: contentType } = row;
    assert.deepEqual(
      { etag, versionId, modifiedAtS, contentType },
      objects.get(path),
      `${path}: the row is of the present version`,
    );
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

async function assertSetOnVolume({ s3, wanted, volumes }: World, row: Row, set: SetRow): Promise<void> {
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
  assert.deepEqual(facts.renditions, set.renditions, `${path}: index and facts have the same renditions`);
  for (const { file, sha256, bytes } of facts.renditions) {
    const content = await readFile(join(directory, file));
    assert.equal(content.length, bytes, `${path}: ${file} has its length`);
    assert.equal(createHash('sha256').update(content).digest('hex'), sha256, `${path}: ${file} has its bytes`);
  }
  const original = await bytesOf(s3, row.bucket, row.key);
  const { width, height } = (await sharp(original).metadata()).autoOrient;
  assert.deepEqual(
    { width: row.metadata?.width, height: row.metadata?.height },
    { width, height },
    `${path}: its size`,
  );
  const smallest = facts.renditions.toSorted((a, b) => a.width - b.width)[0];
  if (smallest === undefined) return;
  const shown = await meanColour(await readFile(join(directory, smallest.file)));
  const present = await meanColour(original);
  // Another picture than this one would be far from it; the encoder's loss is a few levels.
  const apart = Math.max(...shown.map((level, at) => Math.abs(level - (present[at] ?? 0))));
  assert.ok(apart < 12, `${path}: ${smallest.file} shows the present picture, not one ${apart} levels away from it`);
}

async function bytesOf(s3: S3, bucket: string, key: string): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync((await s3.getObject(bucket, key)) as AsyncIterable<Buffer>));
}

async function meanColour(bytes: Buffer): Promise<number[]> {
  const { channels } = await sharp(bytes, { failOn: 'none' }).toColourspace('srgb').flatten().stats();
  return channels.map(({ mean }) => mean);
}

/** What a source covers, by `bucket/key`: as listed, and of the rows what a HEAD finds (an object below another object is not listed by MinIO). */
async function presentObjects({ s3, wanted, buckets }: World, rows: readonly Row[]): Promise<Map<string, Present>> {
  const { store } = wanted;
  const objects = new Map<string, Present>();
  for (const bucket of buckets) {
    const keys = new Set(rows.filter((row) => row.bucket === bucket).map(({ key }) => key));
    for await (const { name } of s3.listObjectsV2(bucket, '', true) as AsyncIterable<{ name: string }>) keys.add(name);
    for (const key of keys) {
      const present = desiredOf({ store, bucket, key }, wanted) === null ? null : await presentObject(s3, bucket, key);
      if (present !== null) objects.set(`${bucket}/${key}`, present);
    }
  }
  return objects;
}

async function presentObject(s3: S3, bucket: string, key: string): Promise<Present | null> {
  try {
    const { etag, versionId, lastModified, metaData } = await s3.statObject(bucket, key);
    const modifiedAtS = Math.floor(lastModified.getTime() / 1_000);
    return { etag, versionId: versionId ?? null, modifiedAtS, contentType: String(metaData['content-type']) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'NotFound') return null;
    throw error;
  }
}

async function readIndex(databaseUrl: string): Promise<{ rows: Row[]; sets: Map<string, SetRow> }> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<Row>(
      `SELECT bucket, key, state, etag, version_id, modified_at_s::float8, content_type, metadata, refusal_code, set_id
       FROM millrace.objects`,
    );
    const sets = await client.query<SetRow>('SELECT id, state, volume, fingerprint, renditions FROM millrace.sets');
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
