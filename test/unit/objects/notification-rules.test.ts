import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { environmentOf, planRules, TARGETS } from '../../../workers/objects/notification-rules.ts';
import { isAppError } from '../../../workers/platform/errors.ts';

const XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
const shown = (...rules: string[]) =>
  `<NotificationConfiguration ${XMLNS}>${rules.join('')}</NotificationConfiguration>`;
const empty = planRules(shown());
const wanted = empty.xml.replace(/<\/?NotificationConfiguration[^>]*>/g, '');

const webhook =
  '<QueueConfiguration><Id>007</Id><Filter><S3Key><FilterRule><Name>prefix</Name><Value>a&amp;b/</Value></FilterRule></S3Key></Filter>' +
  '<Event>s3:ObjectCreated:*</Event><Queue>arn:minio:sqs::HOOK:webhook</Queue></QueueConfiguration>';

describe('what a bucket needs', () => {
  test('is four rules: the four creations and every removal, each by two ways', () => {
    assert.deepEqual(empty.missing, ['LIVE_CREATED', 'LIVE_REMOVED', 'JOURNAL_CREATED', 'JOURNAL_REMOVED']);
    const events = (way: string) => TARGETS.find(({ id }) => id === way)?.events;
    assert.deepEqual(events('LIVE_CREATED'), [
      's3:ObjectCreated:Put',
      's3:ObjectCreated:Post',
      's3:ObjectCreated:Copy',
      's3:ObjectCreated:CompleteMultipartUpload',
    ]);
    assert.deepEqual(events('JOURNAL_CREATED'), events('LIVE_CREATED'));
    assert.deepEqual(events('LIVE_REMOVED'), ['s3:ObjectRemoved:*']);
    assert.deepEqual(events('JOURNAL_REMOVED'), events('LIVE_REMOVED'));
  });

  test('is nothing more where it is there, in whatever region MinIO says it is', () => {
    for (const there of [wanted, wanted.replaceAll('arn:minio:sqs::', 'arn:minio:sqs:eu-west-1:')]) {
      const { missing, replaced } = planRules(shown(there));
      assert.deepEqual({ missing, replaced }, { missing: [], replaced: [] });
    }
  });

  test('rules that are not ours are kept letter by letter, after ours', () => {
    const topic =
      '<TopicConfiguration><Topic>arn:aws:sns:x</Topic><Event>s3:ObjectCreated:*</Event></TopicConfiguration>';
    const bridge = '<EventBridgeConfiguration/>';
    const plan = planRules(shown(webhook, topic, bridge));
    assert.equal(plan.xml, shown(wanted, webhook, topic, bridge));
    assert.deepEqual(plan.foreignArns, ['arn:minio:sqs::HOOK:webhook']);
  });

  test('ours behind another are as good as missing: a target that is not loaded would be hidden on the other', () => {
    assert.notDeepEqual(planRules(shown(webhook, wanted)).missing, []);
    assert.deepEqual(planRules(shown(wanted, webhook)).missing, []);
  });

  test('a rule on one of our targets that is not as wanted is replaced, and named', () => {
    for (const change of [
      ['<Event>s3:ObjectCreated:Copy</Event>', ''],
      ['s3:ObjectRemoved:*', 's3:ObjectRemoved:Delete'],
      [
        '<Event>s3:ObjectRemoved:*',
        '<Filter><S3Key><FilterRule><Name>suffix</Name></FilterRule></S3Key></Filter><Event>s3:ObjectRemoved:*',
      ],
    ] as const) {
      const plan = planRules(shown(wanted.replace(change[0], change[1])));
      assert.equal(plan.missing.length, 1);
      assert.equal(plan.replaced.length, 1);
      assert.equal(plan.xml, shown(wanted));
    }
  });

  test('what cannot be read is not overwritten', () => {
    for (const text of ['', '<html>', shown('text'), shown('<QueueConfiguration><Id>x</Id>'), shown('<!-- x -->')]) {
      assert.throws(
        () => planRules(text),
        (error) => isAppError(error, 'RULES_UNREADABLE'),
        text,
      );
    }
  });
});

test('the environment of a journal has its folder; that of a live target must not have one', () => {
  const [live, journal] = ['LIVE_REMOVED', 'JOURNAL_REMOVED'].map((id) =>
    TARGETS.filter((target) => target.id === id).flatMap(environmentOf),
  );
  assert.deepEqual(live, [
    'MINIO_NOTIFY_NATS_ENABLE_LIVE_REMOVED=on',
    'MINIO_NOTIFY_NATS_ADDRESS_LIVE_REMOVED=<host>:<port>',
    'MINIO_NOTIFY_NATS_SUBJECT_LIVE_REMOVED=events.images.removed',
    'MINIO_NOTIFY_NATS_JETSTREAM_LIVE_REMOVED=on',
  ]);
  assert.ok(journal?.includes('MINIO_NOTIFY_NATS_SUBJECT_JOURNAL_REMOVED=events.images.removed-journal'));
  assert.ok(journal?.some((line) => line.startsWith('MINIO_NOTIFY_NATS_QUEUE_DIR_JOURNAL_REMOVED=')));
});
