import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Client } from 'minio';
import { TARGETS } from '../../../workers/objects/notification-rules.ts';
import { type ProvisionDeps, provisionStore, type SourceFinding } from '../../../workers/objects/provision-store.ts';
import type { Store } from '../../../workers/objects/signed-request.ts';
import { readSourceTag, writeSourceTag } from '../../../workers/objects/source-tag.ts';
import { verifyStore } from '../../../workers/objects/verify-store.ts';
import { isAppError } from '../../../workers/platform/errors.ts';
import { assertNoChildren } from '../../harness/servers.ts';
import { type MinioWithTargets, startMinioWithTargets } from './minio-with-targets.ts';

const ALL = TARGETS.map(({ id }) => id);

/** Accepts everything, and remembers what it was asked. */
function accepting(): ProvisionDeps & { readonly asked: SourceFinding[] } {
  const asked: SourceFinding[] = [];
  return {
    asked,
    newSourceId: randomUUID,
    accept: async (finding) => {
      asked.push(finding);
      return finding.sourceId;
    },
  };
}

const refusing: ProvisionDeps = { newSourceId: randomUUID, accept: async () => null };

const codes = async (store: Store, bucket: string, sourceId: string | null) =>
  (await verifyStore(store, [{ bucket, sourceId }])).map(({ code }) => code);

describe('provisioning a real MinIO that offers the targets', () => {
  let minio: MinioWithTargets;
  let store: Store;
  let client: Client;

  before(async () => {
    minio = await startMinioWithTargets(ALL, {
      MINIO_NOTIFY_WEBHOOK_ENABLE_HOOK: 'on',
      MINIO_NOTIFY_WEBHOOK_ENDPOINT_HOOK: 'http://127.0.0.1:9/',
    });
    store = minio.store;
    const { port } = new URL(minio.config.endpoint);
    client = new Client({ ...minio.config, endPoint: '127.0.0.1', port: Number(port), useSSL: false });
  });
  after(async () => {
    await minio[Symbol.asyncDispose]();
    assertNoChildren();
  });

  test('a bucket that is missing is made, gets its rules, and its tag once the index has it; run again nothing changes', async () => {
    const bucket = 'fresh';
    let tagWhenAsked: string | null | undefined;
    const deps: ProvisionDeps = {
      newSourceId: () => 'source-1',
      accept: async ({ kind, sourceId }) => {
        assert.equal(kind, 'new');
        tagWhenAsked = await readSourceTag(store, bucket);
        return sourceId;
      },
    };
    assert.deepEqual(await codes(store, bucket, null), ['NO_SUCH_BUCKET']);
    const first = await provisionStore(store, [{ bucket, sourceId: null }], deps);
    assert.deepEqual(first, {
      changes: [
        'bucket fresh: made',
        'bucket fresh: notification rules set for LIVE_CREATED, LIVE_REMOVED, JOURNAL_CREATED, JOURNAL_REMOVED',
        'bucket fresh: tagged millrace-source',
      ],
      withheld: [],
    });
    assert.equal(tagWhenAsked, null);
    assert.equal(await readSourceTag(store, bucket), 'source-1');
    assert.deepEqual(await verifyStore(store, [{ bucket, sourceId: 'source-1' }]), []);
    assert.deepEqual(await provisionStore(store, [{ bucket, sourceId: 'source-1' }], refusing), {
      changes: [],
      withheld: [],
    });

    // As another client reads it.
    const { QueueConfiguration: rules } = (await client.getBucketNotification(bucket)) as unknown as {
      QueueConfiguration: { Queue: string; Event: string[] }[];
    };
    assert.deepEqual(
      rules.map(({ Queue, Event }) => [Queue, Event.length]),
      [
        ['arn:minio:sqs::LIVE_CREATED:nats', 4],
        ['arn:minio:sqs::LIVE_REMOVED:nats', 1],
        ['arn:minio:sqs::JOURNAL_CREATED:nats', 4],
        ['arn:minio:sqs::JOURNAL_REMOVED:nats', 1],
      ],
    );
  });

  test("a user's own rules and tags stay as they are", async () => {
    const bucket = 'shared';
    await client.makeBucket(bucket);
    await client.setBucketTagging(bucket, { team: 'a + b', room: '007' });
    const hook =
      '<QueueConfiguration><Id>007</Id><Filter><S3Key><FilterRule><Name>prefix</Name><Value>0123&amp;é/</Value></FilterRule></S3Key></Filter>' +
      '<Event>s3:ObjectCreated:*</Event><Queue>arn:minio:sqs::HOOK:webhook</Queue></QueueConfiguration>';
    const body = `<NotificationConfiguration>${hook}</NotificationConfiguration>`;
    assert.equal((await store.send({ method: 'PUT', bucket, query: { notification: '' }, body })).status, 200);

    await provisionStore(store, [{ bucket, sourceId: null }], accepting());
    const shown = (await store.send({ method: 'GET', bucket, query: { notification: '' } })).body;
    assert.ok(shown.endsWith(`${hook}</NotificationConfiguration>`), shown);
    const tags = (await store.send({ method: 'GET', bucket, query: { tagging: '' } })).body;
    assert.match(tags, /<Key>team<\/Key><Value>a \+ b<\/Value>/);
    assert.match(tags, /<Key>room<\/Key><Value>007<\/Value>/);
  });

  test('a rule of ours that is missing or changed is found, and set right', async () => {
    const bucket = 'changed';
    await provisionStore(store, [{ bucket, sourceId: null }], { ...accepting(), newSourceId: () => 'source-1' });
    const shown = (await store.send({ method: 'GET', bucket, query: { notification: '' } })).body;
    const body = shown
      .replace('<Event>s3:ObjectCreated:Copy</Event>', '')
      .replace(/<QueueConfiguration><Id>millrace-journal-removed.*?<\/QueueConfiguration>/, '');
    await store.send({ method: 'PUT', bucket, query: { notification: '' }, body });
    const [fault] = await verifyStore(store, [{ bucket, sourceId: 'source-1' }]);
    assert.ok(isAppError(fault, 'RULES_MISSING'));
    assert.deepEqual(fault.details.missing, ['LIVE_CREATED', 'JOURNAL_REMOVED']);
    const { changes } = await provisionStore(store, [{ bucket, sourceId: 'source-1' }], refusing);
    assert.deepEqual(changes, [
      'bucket changed: notification rules set for LIVE_CREATED, JOURNAL_REMOVED',
      'bucket changed: notification rules replaced: millrace-live-created',
    ]);
    assert.deepEqual(await codes(store, bucket, 'source-1'), []);
  });

  test('a bucket that lost its tag is not tagged again without being accepted (I7)', async () => {
    const bucket = 'wiped';
    const source = { bucket, sourceId: 'source-1' };
    await client.makeBucket(bucket);
    assert.deepEqual(await codes(store, bucket, 'source-1'), ['RULES_MISSING', 'SOURCE_UNPROVEN']);

    const kept = await provisionStore(store, [source], refusing);
    assert.deepEqual(kept.withheld, [
      'bucket wiped: has lost its tag: it was made anew; not tagged, so nothing is removed on its word',
    ]);
    assert.equal(await readSourceTag(store, bucket), null);
    assert.deepEqual(await codes(store, bucket, 'source-1'), ['SOURCE_UNPROVEN']);

    const deps = accepting();
    const { changes } = await provisionStore(store, [source], deps);
    assert.deepEqual(deps.asked, [{ kind: 'recreated', bucket, sourceId: 'source-1' }]);
    assert.deepEqual(changes, ['bucket wiped: tagged millrace-source again: it was made anew']);
    assert.deepEqual(await codes(store, bucket, 'source-1'), []);
  });

  test('a bucket that the index knows and the store does not is not made anew without being accepted (I7)', async () => {
    const source = { bucket: 'vanished', sourceId: 'source-1' };
    const kept = await provisionStore(store, [source], refusing);
    assert.deepEqual(kept, {
      changes: [],
      withheld: ['bucket vanished: is missing, but the index knows it; not made anew'],
    });
    assert.equal(await client.bucketExists('vanished'), false);
    const { changes } = await provisionStore(store, [source], accepting());
    assert.equal(changes[0], 'bucket vanished: made');
    assert.deepEqual(await codes(store, 'vanished', 'source-1'), []);
  });

  test('a bucket whose tag a new index does not know yet keeps it', async () => {
    const bucket = 'adopted';
    await client.makeBucket(bucket);
    await writeSourceTag(store, bucket, 'source-9');
    assert.deepEqual(await codes(store, bucket, null), ['RULES_MISSING', 'SOURCE_UNKNOWN']);
    const deps = accepting();
    const { changes } = await provisionStore(store, [{ bucket, sourceId: null }], deps);
    assert.deepEqual(deps.asked, [{ kind: 'adopted', bucket, sourceId: 'source-9' }]);
    assert.equal(changes.at(-1), 'bucket adopted: its source id was recorded');
    assert.deepEqual(await codes(store, bucket, 'source-9'), []);
  });

  test('a bucket that bears the id of another source is an error, unless it is accepted', async () => {
    const source = { bucket: 'foreign', sourceId: 'source-1' };
    await client.makeBucket('foreign');
    await writeSourceTag(store, 'foreign', 'source-2');
    await assert.rejects(
      provisionStore(store, [source], refusing),
      (error) => isAppError(error, 'SOURCE_MISMATCH') && error.disposition === 'fatal' && error.remedy !== undefined,
    );
    assert.equal(await readSourceTag(store, 'foreign'), 'source-2');
    assert.deepEqual(await codes(store, 'foreign', 'source-1'), ['SOURCE_MISMATCH']);
    const deps = accepting();
    await provisionStore(store, [source], deps);
    assert.deepEqual(deps.asked, [{ kind: 'foreign', bucket: 'foreign', sourceId: 'source-2' }]);
  });

  test('of two that provision at once, both give the bucket the id that the index kept', async () => {
    const bucket = 'raced';
    let kept: string | undefined;
    const deps: ProvisionDeps = { newSourceId: randomUUID, accept: async ({ sourceId }) => (kept ??= sourceId) };
    await Promise.all([1, 2, 3].map(() => provisionStore(store, [{ bucket, sourceId: null }], deps)));
    assert.deepEqual(await codes(store, bucket, kept ?? null), []);
  });
});

test('a MinIO without the targets is told which environment each of them lacks, and is left without a probe', async () => {
  await using minio = await startMinioWithTargets(['LIVE_CREATED', 'JOURNAL_CREATED']);
  const { store } = minio;
  await assert.rejects(provisionStore(store, [{ bucket: 'photos', sourceId: null }], accepting()), (error) => {
    assert.ok(isAppError(error, 'ARNS_MISSING'));
    assert.deepEqual(error.details.missing, [
      'arn:minio:sqs::LIVE_REMOVED:nats',
      'arn:minio:sqs::JOURNAL_REMOVED:nats',
    ]);
    assert.match(error.remedy ?? '', /MINIO_NOTIFY_NATS_SUBJECT_LIVE_REMOVED=events\.images\.removed /);
    assert.match(error.remedy ?? '', /MINIO_NOTIFY_NATS_QUEUE_DIR_JOURNAL_REMOVED=/);
    assert.doesNotMatch(error.remedy ?? '', /_CREATED/);
    return true;
  });
  assert.equal(await readSourceTag(store, 'photos'), null);
  const { port } = new URL(minio.config.endpoint);
  const client = new Client({ ...minio.config, endPoint: '127.0.0.1', port: Number(port), useSSL: false });
  assert.deepEqual(
    (await client.listBuckets()).map(({ name }) => name),
    ['photos'],
  );
});

test('a MinIO that lost its targets after it was provisioned is seen, also where a rule of the user stood before ours', async () => {
  await using minio = await startMinioWithTargets([...ALL, 'OTHER']);
  const { store } = minio;
  const bucket = 'photos';
  await store.send({ method: 'PUT', bucket });
  const other =
    '<QueueConfiguration><Event>s3:ObjectCreated:*</Event><Queue>arn:minio:sqs::OTHER:nats</Queue></QueueConfiguration>';
  const body = `<NotificationConfiguration>${other}</NotificationConfiguration>`;
  await store.send({ method: 'PUT', bucket, query: { notification: '' }, body });
  await provisionStore(store, [{ bucket, sourceId: null }], { ...accepting(), newSourceId: () => 'source-1' });
  assert.deepEqual(await codes(store, bucket, 'source-1'), []);

  // The rules outlive their targets, and GET hides only the first that has none.
  await minio.restartWith(['OTHER']);
  assert.deepEqual(await codes(store, bucket, 'source-1'), ['RULES_MISSING']);
  await minio.restartWith([]);
  assert.deepEqual(await codes(store, bucket, 'source-1'), ['RULES_MISSING']);
  await minio.restartWith(ALL);
  assert.deepEqual(await codes(store, bucket, 'source-1'), []);
});

test("a user's rule to a target that is gone is not dropped on the way to writing ours", async () => {
  await using minio = await startMinioWithTargets([...ALL, 'OTHER', 'OLD']);
  const { store } = minio;
  const bucket = 'photos';
  await store.send({ method: 'PUT', bucket });
  const rules = ['OTHER', 'OLD'].map(
    (id) =>
      `<QueueConfiguration><Event>s3:ObjectCreated:*</Event><Queue>arn:minio:sqs::${id}:nats</Queue></QueueConfiguration>`,
  );
  const body = `<NotificationConfiguration>${rules.join('')}</NotificationConfiguration>`;
  await store.send({ method: 'PUT', bucket, query: { notification: '' }, body });

  // GET hides the first rule without a target, and shows the second: writing that one again is refused.
  await minio.restartWith(ALL);
  await assert.rejects(provisionStore(store, [{ bucket, sourceId: null }], accepting()), (error) => {
    assert.ok(isAppError(error, 'RULES_REFUSED'));
    assert.deepEqual(error.details.arns, ['arn:minio:sqs::OLD:nats']);
    return true;
  });
  await minio.restartWith([...ALL, 'OTHER', 'OLD']);
  const shown = (await store.send({ method: 'GET', bucket, query: { notification: '' } })).body;
  assert.deepEqual(
    Array.from(shown.matchAll(/<Queue>([^<]+)/g), ([, arn]) => arn),
    ['arn:minio:sqs::OTHER:nats', 'arn:minio:sqs::OLD:nats'],
  );
});

test('a MinIO with a site region says so in its ARNs, and is as good', async () => {
  await using minio = await startMinioWithTargets(ALL, { MINIO_SITE_REGION: 'eu-west-1' });
  const source = { bucket: 'photos', sourceId: null };
  await provisionStore(minio.store, [source], { ...accepting(), newSourceId: () => 'source-1' });
  assert.deepEqual(await codes(minio.store, 'photos', 'source-1'), []);
  assert.deepEqual(await provisionStore(minio.store, [{ ...source, sourceId: 'source-1' }], refusing), {
    changes: [],
    withheld: [],
  });
});
