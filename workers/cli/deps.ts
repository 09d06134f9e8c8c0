// What the commands need of the world and of the roles. main.ts alone fills it; tests fill it with their own.
import type { Configuration } from '../model/configuration.ts';
import type { Wanted } from '../model/desired.ts';
import type { Finding } from '../model/finding.ts';
import type { ObjectRow } from '../model/object-row.ts';
import type { PoolSample } from '../model/pool-status.ts';
import type { DeadLetterBox } from '../pipeline/dead-letters.ts';
import type { ExplainPorts } from '../pipeline/explain.ts';
import type { Index, Objects, SweepIndex, WorkItems } from '../pipeline/ports.ts';
import type { BackfillRequest, PassRequest, PassView } from '../model/pass.ts';
import type { BackfillReport } from '../pipeline/backfill.ts';
import type { SweepReport } from '../pipeline/sweep.ts';
import type { Role } from '../platform/lifecycle.ts';
import type { Log } from '../platform/log.ts';
import type { LocalVolumes } from '../pipeline/object-view.ts';
import type { StackFile } from './stack-file.ts';

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** The process, as far as commands may touch it. */
export interface Io {
  /** After the program's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly hostname: string;
  /** Of this installation: where its own config/ and package.json are. */
  readonly home: string;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** Each signal is told to the listener instead of ending the process, until the returned function is called. */
  onSignal(listener: (signal: StopSignal) => void): () => void;
  /** At once, whatever is under way: for the second signal. */
  exit(code: number): void;
}

/** Log, and the signal that ends the work. */
export interface Run {
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface StackRequest {
  /** Data folder, absolute. */
  readonly folder: string;
  readonly portBase: number;
  readonly processors: number;
  readonly demo: boolean;
}

export interface StackRun extends Run {
  /** The stack's own environment: its MILLRACE_ settings are those of its roles too. */
  readonly env: Io['env'];
  /** One line for the person at the terminal. */
  readonly print: (line: string) => void;
  /** The operator's configuration with these servers and volumes in it: they win over file and environment. */
  readonly configure: (stack: StackFile) => Promise<Configuration>;
}

export interface ProvisionRequest {
  /** Buckets that were made anew, or brought from elsewhere, and are to be taken as they are now. */
  readonly acceptSources: readonly string[];
}

/** In words. */
export interface Provisioned {
  /** None: everything was there. */
  readonly changes: readonly string[];
  /** What was left as it is, for want of an operator's word. */
  readonly withheld: readonly string[];
}

export interface SweepRequest {
  /** Absent: every bucket of the configuration. */
  readonly bucket?: string;
  readonly prefix: string;
  readonly dryRun: boolean;
  readonly allowRemovals: number;
}

export interface SweptBucket extends SweepReport {
  readonly bucket: string;
  readonly prefix: string;
}

export interface PassDesk extends AsyncDisposable {
  /** `isNew` false: the same request waits, runs or is paused already. */
  start(request: PassRequest): Promise<{ readonly id: string; readonly isNew: boolean }>;
  /** Newest first. */
  list(): Promise<readonly PassView[]>;
  /** False: there is no such pass that goes on. */
  pause(id: string): Promise<boolean>;
  resume(id: string): Promise<boolean>;
  /** How many work items waited, which are taken back; null: there is no such pass that goes on. */
  cancel(id: string): Promise<number | null>;
}

export interface BackfillEstimate {
  readonly counts: BackfillReport;
  /** As measured lately; null: nothing was. */
  readonly rate: { readonly renders: number; readonly perS: number } | null;
  readonly etaS: number | null;
  /** False: the configuration asked about is not the registered one. */
  readonly isRegistered: boolean;
}

/** Read access to index and store. */
export interface Operator extends AsyncDisposable {
  readonly index: Pick<Index, 'row'> & Pick<SweepIndex, 'rows'>;
  readonly objects: Pick<Objects, 'look' | 'list'>;
  readonly localVolumes: LocalVolumes;
}

/** What an operator's commands about single objects and messages see, and may do. */
export interface Desk extends AsyncDisposable, ExplainPorts {
  readonly wanted: Wanted;
  /** Names and versions of what decodes. */
  readonly decoders: string;
  readonly index: ExplainPorts['index'] &
    Pick<Index, 'commit'> & {
      /** By bucket and key. */
      refused(bucket?: string, prefix?: string): AsyncIterable<ObjectRow>;
    };
  /** How the pool is doing now. */
  sample(): Promise<PoolSample>;
  readonly letters: DeadLetterBox;
  readonly workItems: WorkItems;
}

export interface DoctorRequest {
  /** Put an object into the first source, and remove it afterwards. */
  readonly probe: boolean;
  readonly probeTimeoutMs?: number;
}

export interface CliDeps {
  readonly startProcessor: (configuration: Configuration, log: Log, signal: AbortSignal) => Promise<Role>;
  readonly startKeeper: (configuration: Configuration, log: Log, signal: AbortSignal) => Promise<Role>;
  readonly startPlanner: (configuration: Configuration, log: Log, signal: AbortSignal) => Promise<Role>;
  /** Resolves when the signal has fired and everything is stopped. */
  readonly runStack: (request: StackRequest, run: StackRun) => Promise<void>;
  readonly provision: (configuration: Configuration, request: ProvisionRequest, run: Run) => Promise<Provisioned>;
  readonly sweep: (configuration: Configuration, request: SweepRequest, run: Run) => Promise<readonly SweptBucket[]>;
  readonly doctor: (configuration: Configuration, request: DoctorRequest, run: Run) => AsyncIterable<Finding>;
  readonly openDesk: (configuration: Configuration, run: Run) => Promise<Desk>;
  readonly openPassDesk: (configuration: Configuration, run: Run) => Promise<PassDesk>;
  readonly estimateBackfill: (
    configuration: Configuration,
    request: BackfillRequest,
    run: Run,
  ) => Promise<BackfillEstimate>;
  readonly openOperator: (configuration: Configuration, log: Log) => Promise<Operator>;
}
