-- The index: which rendition set an object has, which sets exist on which volume, and what was tried.
-- Keys, buckets and stores sort by UTF-8 bytes (COLLATE "C"), as S3 lists them.

CREATE SEQUENCE millrace.revisions AS bigint;

CREATE TABLE millrace.index_identity (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  index_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- One directory of renditions on one volume. Ids are never reused.
CREATE TABLE millrace.sets (
  id uuid PRIMARY KEY,
  store text COLLATE "C" NOT NULL,
  bucket text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  version text NOT NULL, -- the token of the object version
  fingerprint text NOT NULL,
  volume text NOT NULL,
  tier text NOT NULL,
  host text NOT NULL,
  state text NOT NULL CHECK (state IN ('writing', 'live', 'condemned')),
  lease_until timestamptz,
  condemned_at timestamptz,
  renditions jsonb,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT only_writing_is_leased CHECK ((state = 'writing') = (lease_until IS NOT NULL)),
  CONSTRAINT only_condemned_since CHECK ((state = 'condemned') = (condemned_at IS NOT NULL)),
  CONSTRAINT live_has_renditions CHECK (state <> 'live' OR renditions IS NOT NULL),
  CONSTRAINT writing_has_none CHECK (state <> 'writing' OR renditions IS NULL),
  CONSTRAINT sets_state_key UNIQUE (id, state) -- so that a row can be made to name a live set only, see below
);

-- I3: one claim per object version, whoever's and on whatever volume.
CREATE UNIQUE INDEX sets_one_claim ON millrace.sets (store, bucket, key, version) WHERE state = 'writing';
CREATE INDEX sets_of_volume ON millrace.sets (volume, state, condemned_at);

CREATE TABLE millrace.objects (
  store text COLLATE "C" NOT NULL,
  bucket text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  revision bigint NOT NULL UNIQUE CHECK (revision > 0),
  state text NOT NULL CHECK (state IN ('committed', 'plain', 'refused', 'removed')),
  etag text NOT NULL,
  version_id text,
  modified_at_s bigint NOT NULL,
  content_type text NOT NULL,
  user_metadata_hash text NOT NULL,
  size_bytes bigint NOT NULL,
  set_id uuid UNIQUE,
  set_state text GENERATED ALWAYS AS (CASE WHEN set_id IS NOT NULL THEN 'live' END) STORED,
  tier text NOT NULL,
  generation bigint NOT NULL,
  damaged boolean NOT NULL,
  metadata jsonb,
  refusal_code text,
  refusal_message text,
  refusal_basis text,
  refusal_retry_at timestamptz,
  committed_at timestamptz NOT NULL,
  PRIMARY KEY (store, bucket, key),
  CONSTRAINT committed_has_a_set CHECK (state <> 'committed' OR set_id IS NOT NULL),
  CONSTRAINT plain_and_removed_have_none CHECK (state NOT IN ('plain', 'removed') OR set_id IS NULL),
  CONSTRAINT metadata_comes_with_the_set CHECK ((set_id IS NOT NULL) = (metadata IS NOT NULL)),
  CONSTRAINT damaged_comes_with_the_set CHECK (set_id IS NOT NULL OR NOT damaged),
  CONSTRAINT only_refused_has_a_refusal CHECK (
    (state = 'refused') = (refusal_code IS NOT NULL)
    AND (refusal_code IS NULL) = (refusal_message IS NULL)
    AND (refusal_code IS NULL) = (refusal_basis IS NULL)
    AND (refusal_code IS NOT NULL OR refusal_retry_at IS NULL)
  ),
  -- I4: what a row names is there, and live. A set is named by one row at most (set_id is unique).
  CONSTRAINT names_a_live_set FOREIGN KEY (set_id, set_state) REFERENCES millrace.sets (id, state)
);

-- One claim and what came of it; outlives its set by the time that `explain` and the count of deaths need it.
CREATE TABLE millrace.attempts (
  set_id uuid PRIMARY KEY,
  store text COLLATE "C" NOT NULL,
  bucket text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  version text NOT NULL,
  host text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz,
  outcome text CHECK (outcome IN ('rendered', 'plain', 'refused', 'died', 'timed-out', 'abandoned')),
  code text,
  message text,
  phases jsonb,
  CONSTRAINT ended_has_an_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL))
);

CREATE INDEX attempts_of_object ON millrace.attempts (store, bucket, key, version);
CREATE INDEX attempts_by_age ON millrace.attempts (started_at);

-- A bucket we were told of. Without an id it was never provisioned, and can still owe a sweep.
CREATE TABLE millrace.sources (
  store text COLLATE "C" NOT NULL,
  bucket text COLLATE "C" NOT NULL,
  source_id uuid UNIQUE,
  registered_at timestamptz,
  removals_flagged bigint CHECK (removals_flagged > 0),
  removals_flagged_at timestamptz,
  PRIMARY KEY (store, bucket),
  CONSTRAINT id_since CHECK ((source_id IS NULL) = (registered_at IS NULL)),
  CONSTRAINT flagged_since CHECK ((removals_flagged IS NULL) = (removals_flagged_at IS NULL))
);

CREATE TABLE millrace.owed_sweeps (
  store text COLLATE "C" NOT NULL,
  bucket text COLLATE "C" NOT NULL,
  reason text NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL, -- a sweep pays what was last owed before it began
  PRIMARY KEY (store, bucket, reason),
  FOREIGN KEY (store, bucket) REFERENCES millrace.sources
);

CREATE TABLE millrace.generations (
  number bigint PRIMARY KEY CHECK (number > 0),
  content_hash text NOT NULL,
  content jsonb NOT NULL,
  registered_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE millrace.volumes (
  volume_id text PRIMARY KEY,
  tier text NOT NULL,
  path text NOT NULL, -- where it was when it was registered: a hint for people
  host text NOT NULL,
  registered_at timestamptz NOT NULL DEFAULT now()
);
