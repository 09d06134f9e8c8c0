// Everything an operator can set, as one schema: defaults, limits, forms and sentences side by side. config/README.md is made from it.
import { z } from 'zod';
import { crossCheck } from './configuration-checks.ts';
import type { Wanted } from './desired.ts';
import {
  absolutePath,
  BUCKET_FORM,
  bucketSchema,
  flag,
  listenSchema,
  NAME_FORM,
  nameSchema,
  number,
  oneOf,
  plainText,
  setting,
  settings,
  text,
  urlSchema,
  wholeNumber,
} from './setting.ts';

export { settings };

const MIB = 1024 * 1024;

const store = z.strictObject({
  name: setting(nameSchema.default('main'), {
    env: 'MILLRACE_STORE_NAME',
    doc: 'What the index, subjects and logs call this object store; its URL may change, this name may not.',
    form: NAME_FORM,
  }),
  endpoint: setting(urlSchema(['http', 'https'], true), {
    env: 'MILLRACE_STORE_ENDPOINT',
    doc: 'Where MinIO answers.',
    form: 'an http or https URL with nothing after host and port, such as http://127.0.0.1:9000',
  }),
  accessKey: setting(plainText(256), {
    env: 'MILLRACE_STORE_ACCESS_KEY',
    doc: 'Access key of the account that Millrace uses.',
    form: 'an S3 access key',
    secret: 'identity',
  }),
  secretKey: setting(plainText(256), {
    env: 'MILLRACE_STORE_SECRET_KEY',
    doc: 'Secret key of that account.',
    form: 'an S3 secret key',
    secret: 'whole',
  }),
  region: setting(plainText(64).default('us-east-1'), {
    env: 'MILLRACE_STORE_REGION',
    doc: 'Region that requests are signed for.',
    form: 'an S3 region',
  }),
});

const nats = z.strictObject({
  url: setting(urlSchema(['nats', 'tls', 'ws', 'wss'], false), {
    env: 'MILLRACE_NATS_URL',
    doc: 'Where NATS (with JetStream) answers; further servers of a cluster are learnt from it.',
    form: 'a nats or tls URL such as nats://127.0.0.1:4222',
    secret: 'password',
  }),
  user: text({ env: 'MILLRACE_NATS_USER', doc: 'User, where the server asks for one.' }).optional(),
  password: text({ env: 'MILLRACE_NATS_PASSWORD', doc: 'Password of that user.', secret: 'whole' }).optional(),
  token: text({
    env: 'MILLRACE_NATS_TOKEN',
    doc: 'Token, where the server asks for one instead of a user.',
    secret: 'whole',
  }).optional(),
});

const database = z.strictObject({
  url: setting(urlSchema(['postgres', 'postgresql'], false), {
    env: 'MILLRACE_DATABASE_URL',
    doc: 'The PostgreSQL database that holds the index.',
    form: 'a postgres URL such as postgres://millrace:…@127.0.0.1:5432/millrace',
    secret: 'password',
  }),
});

const source = z.strictObject({
  bucket: setting(bucketSchema, { doc: 'The bucket.', form: BUCKET_FORM }),
  prefix: setting(z.string().max(1024).default(''), {
    doc: 'Only keys that start with it; of several matching sources the one with the longest prefix counts.',
    form: 'the beginning of a key, or nothing',
  }),
  presets: setting(z.array(nameSchema).min(1), {
    doc: 'What is rendered of each picture.',
    form: 'a list of names out of `presets`',
    defaultText: 'all presets',
  }).optional(),
  tier: setting(nameSchema.default('standard'), { doc: 'Where renditions are stored.', form: 'a name out of `tiers`' }),
});

const preset = z.strictObject({
  longSidePx: setting(z.number().int().min(1).max(16_383), {
    doc: 'Length of the long side (`inside`), or of both sides (`cover`); a smaller picture is not enlarged.',
    form: 'a whole number from 1 to 16383',
  }),
  fit: oneOf(['inside', 'cover'], 'inside', {
    doc: '`inside` keeps all of the picture, `cover` crops it to a square.',
  }),
  format: oneOf(['webp', 'avif', 'jpeg', 'png'], 'webp', { doc: 'File format of the rendition.' }),
  quality: wholeNumber(1, 100, 80, { doc: 'Quality of the encoder; PNG ignores it.' }),
  effort: wholeNumber(0, 9, 2, { doc: 'CPU spent on smaller files: WebP 0–6, AVIF 0–9, others ignore it.' }),
});

const tier = z.strictObject({
  description: setting(plainText(256), { doc: 'For people.', form: 'a text' }).optional(),
});

const limits = z.strictObject({
  sourceMaxBytes: wholeNumber(1024, 16 * 1024 * MIB, 256 * MIB, {
    doc: 'A larger object is refused before it is downloaded.',
  }),
  maxMegapixels: number(0.01, 1000, 100, { doc: 'A picture with more pixels is refused before it is decoded.' }),
  maxFrames: wholeNumber(1, 100_000, 1000, { doc: 'An animation with more frames is refused.' }),
  renderTimeoutS: number(1, 3600, 60, { doc: 'Wall time of one render; beyond it the renderer is killed.' }),
  renderMaxMemoryMb: wholeNumber(128, 65_536, 1500, { doc: 'Memory of a renderer; beyond it the renderer is killed.' }),
  largePictureMegapixels: number(0.01, 1000, 50, {
    doc: 'Pictures above this size are rendered one at a time per host.',
  }),
});

const volume = z.strictObject({
  path: setting(absolutePath, { doc: 'Where the volume is mounted, or a plain directory.', form: 'an absolute path' }),
  tier: setting(nameSchema, { doc: 'The tier that it belongs to.', form: 'a name out of `tiers`' }),
});

const HEALTH_PORT = 'Port on 127.0.0.1 for /healthz and /readyz; 0: any free one, told in the log.';

const processor = z.strictObject({
  renderers: wholeNumber(0, 256, 0, {
    env: 'MILLRACE_PROCESSOR_RENDERERS',
    doc: 'Renderer processes; 0: as many as cores, as far as the memory goes; the limits of a cgroup are counted.',
  }),
  lookSlots: wholeNumber(1, 256, 16, { env: 'MILLRACE_PROCESSOR_LOOK_SLOTS', doc: 'Objects looked at side by side.' }),
  // With the 20 s between two signs of life to NATS it must stay within ack_wait, 60 s: a claim that outlived its message's delivery would
  // commit after somebody else had settled the message.
  leaseMs: wholeNumber(1000, 40_000, 30_000, {
    env: 'MILLRACE_PROCESSOR_LEASE_MS',
    doc: 'How long a claim holds without renewal; the time until another processor takes over from one that was killed.',
  }),
  drainS: wholeNumber(1, 3600, 25, {
    env: 'MILLRACE_PROCESSOR_DRAIN_S',
    doc: 'How long a stopping processor may finish what it renders; the rest is handed back.',
  }),
  healthPort: wholeNumber(0, 65_535, 0, { env: 'MILLRACE_PROCESSOR_HEALTH_PORT', doc: HEALTH_PORT }),
});

const keeper = z.strictObject({
  listen: setting(listenSchema.default('127.0.0.1:0'), {
    env: 'MILLRACE_KEEPER_LISTEN',
    doc: 'Where reads of the volume are served; port 0: any free one.',
    form: '`address:port`',
  }),
  url: setting(urlSchema(['http', 'https'], false), {
    env: 'MILLRACE_KEEPER_URL',
    doc: 'How others reach it.',
    form: 'an http or https URL',
    defaultText: 'the address listened on',
  }).optional(),
  graceS: wholeNumber(0, 604_800, 600, {
    env: 'MILLRACE_KEEPER_GRACE_S',
    doc: 'How long a replaced set of renditions stays readable.',
  }),
  freeFloorMb: wholeNumber(0, 1_048_576, 512, {
    env: 'MILLRACE_KEEPER_FREE_FLOOR_MB',
    doc: 'Free space below which nothing is written to the volume.',
  }),
  scrubS: wholeNumber(1, 604_800, 3600, {
    env: 'MILLRACE_KEEPER_SCRUB_S',
    doc: 'Seconds between two searches for directories that the index does not know.',
  }),
  healthPort: wholeNumber(0, 65_535, 0, { env: 'MILLRACE_KEEPER_HEALTH_PORT', doc: HEALTH_PORT }),
});

const planner = z.strictObject({
  sweepEveryH: wholeNumber(0, 8_760, 24, {
    env: 'MILLRACE_PLANNER_SWEEP_EVERY_H',
    doc: 'Hours between two comparisons of every bucket with the index; 0: only when one is owed or asked for.',
  }),
  owedEveryS: wholeNumber(1, 3_600, 60, {
    env: 'MILLRACE_PLANNER_OWED_EVERY_S',
    doc: 'Seconds between two looks for sweeps that are owed.',
  }),
  retryEveryS: wholeNumber(1, 3_600, 60, {
    env: 'MILLRACE_PLANNER_RETRY_EVERY_S',
    doc: 'Seconds between two looks for refused objects whose time to be tried again has come.',
  }),
  healthPort: wholeNumber(0, 65_535, 0, { env: 'MILLRACE_PLANNER_HEALTH_PORT', doc: HEALTH_PORT }),
});

const MAX_STREAM_MB = 16 * 1024 * 1024;

const streams = z.strictObject({
  replicas: setting(z.union([z.literal(1), z.literal(3), z.literal(5)]).default(1), {
    env: 'MILLRACE_STREAMS_REPLICAS',
    doc: 'Copies of each stream in a NATS cluster.',
    form: '1, 3 or 5',
  }),
  eventsMaxMb: wholeNumber(16, MAX_STREAM_MB, 1024, {
    env: 'MILLRACE_STREAMS_EVENTS_MAX_MB',
    doc: 'Size of `EVENTS`: bucket notifications, about 1 kB each and two per change.',
  }),
  eventsMaxAgeDays: wholeNumber(1, 365, 7, {
    env: 'MILLRACE_STREAMS_EVENTS_MAX_AGE_DAYS',
    doc: 'How long processors may be away before a sweep is needed.',
  }),
  plannedMaxMb: wholeNumber(16, MAX_STREAM_MB, 512, {
    env: 'MILLRACE_STREAMS_PLANNED_MAX_MB',
    doc: 'Size of `PLANNED`: work items.',
  }),
  outcomesMaxMb: wholeNumber(16, MAX_STREAM_MB, 512, {
    env: 'MILLRACE_STREAMS_OUTCOMES_MAX_MB',
    doc: 'Size of `OUTCOMES`: what became of each object.',
  }),
  deadLettersMaxMb: wholeNumber(16, MAX_STREAM_MB, 256, {
    env: 'MILLRACE_STREAMS_DEAD_LETTERS_MAX_MB',
    doc: 'Size of `DEAD_LETTERS`: messages that could not be read.',
  }),
});

const DEFAULT_PRESETS = { large: { longSidePx: 1600 }, medium: { longSidePx: 640 }, thumb: { longSidePx: 160 } };

export const configurationSchema = z
  .strictObject({
    sources: setting(z.array(source).min(1), {
      doc: 'What is rendered: one entry per bucket, or per prefix of a bucket.',
      form: 'a list of at least one `{bucket, prefix, presets, tier}`',
    }),
    presets: setting(z.record(nameSchema, preset).prefault(DEFAULT_PRESETS), {
      doc: 'Named recipes for renditions. Giving any replaces all the default ones.',
      form: `\`{longSidePx, fit, format, quality, effort}\` by name (${NAME_FORM})`,
      defaultText: '`large` 1600, `medium` 640, `thumb` 160',
    }),
    tiers: setting(z.record(nameSchema, tier).prefault({ standard: {} }), {
      doc: 'Kinds of volume that a source can choose from.',
      form: `\`{description}\` by name (${NAME_FORM})`,
      defaultText: '`standard`',
    }),
    limits: limits.prefault({}),
    damaged: oneOf(['render', 'refuse'], 'render', {
      doc: 'What to do with a picture of which a browser would still show most: render and mark it, or refuse it.',
    }),
    gps: flag(false, { doc: 'Whether positions in EXIF go into metadata.' }),
    store,
    nats,
    database,
    host: setting(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/), {
      env: 'MILLRACE_HOST',
      doc: 'Name of this machine; containers of one engine share it, two machines never do.',
      form: '1 to 64 letters, digits, ., _ and -',
      defaultText: 'the name of the machine',
    }),
    volumes: setting(z.array(volume).default([]), {
      env: 'MILLRACE_VOLUMES',
      doc: 'The volumes of this machine. In the variable: `tier:/path,tier:/path`.',
      form: 'a list of `{path, tier}`',
      fromEnv: volumesFromText,
    }),
    log: z
      .strictObject({
        level: oneOf(['debug', 'info', 'warn', 'error', 'silent'], 'info', {
          env: 'MILLRACE_LOG_LEVEL',
          doc: 'The least level that is logged.',
        }),
      })
      .prefault({}),
    processor: processor.prefault({}),
    keeper: keeper.prefault({}),
    planner: planner.prefault({}),
    streams: streams.prefault({}),
  })
  .superRefine(
    (configuration, context) => {
      for (const { path, message } of crossCheck(configuration))
        context.addIssue({ code: 'custom', path: [...path], message });
    },
    { when: () => true },
  ); // also beside other faults: all of them are told at once

export type Configuration = z.output<typeof configurationSchema>;

function volumesFromText(list: string): unknown {
  return list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map((entry) => {
      const colon = entry.indexOf(':');
      return colon < 0 ? { path: entry } : { tier: entry.slice(0, colon), path: entry.slice(colon + 1) };
    });
}

/** From plain values, for the local stack and tests. Throws a ZodError; operators get the better errors of platform/config.ts. */
export function configurationFrom(values: z.input<typeof configurationSchema>): Configuration {
  return configurationSchema.parse(values);
}

/** What decides about objects, ready to ask `desiredOf`. */
export function wantedOf(configuration: Configuration, generation: number): Wanted {
  const { store, sources, presets, limits, damaged, gps } = configuration;
  const all = Object.keys(presets);
  return {
    generation,
    store: store.name,
    sources: sources.map(({ bucket, prefix, tier, presets: chosen }) => ({
      bucket,
      prefix,
      tier,
      presets: chosen ?? all,
    })),
    presets: Object.fromEntries(Object.entries(presets).map(([name, preset]) => [name, { name, ...preset }])),
    limits,
    damaged,
    gps,
  };
}

/** What a generation number stands for (I11), as canonical JSON: equal for configurations that want the same, whatever the order of their keys, sources and preset names. */
export function generationContent(configuration: Configuration): string {
  const { sources, presets, limits, damaged, gps } = wantedOf(configuration, 0);
  const ordered = sources
    .map((source) => ({ ...source, presets: [...new Set(source.presets)].sort() }))
    .sort((a, b) => compare(a.bucket, b.bucket) || compare(a.prefix, b.prefix));
  return JSON.stringify(
    { damaged, gps, limits, presets, sources: ordered, tiers: Object.keys(configuration.tiers).sort() },
    sortedKeys,
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => compare(a, b)));
}
