// The configuration as each outside system's room wants it.
import type { DatabaseOptions } from '../index/database.ts';
import type { JobsOptions } from '../jobs/connection.ts';
import type { Configuration } from '../model/configuration.ts';
import type { NatsOptions } from '../nats/connect.ts';
import type { JetStreamOptions } from '../nats/jetstream-config.ts';
import type { StoreConfig } from '../objects/signed-request.ts';

const MIB = 1024 * 1024;

export function databaseOptions({ database }: Configuration, applicationName: string): DatabaseOptions {
  // A processor with 16 looks under way holds a connection for a millisecond each: a few serve them all.
  return { url: database.url, applicationName, poolSize: 8 };
}

export function jobsOptions({ database }: Configuration, applicationName: string): JobsOptions {
  return { url: database.url, applicationName: `${applicationName} jobs` };
}

export function natsOptions({ nats }: Configuration, name: string): NatsOptions {
  const { url, user, password, token } = nats;
  return {
    url,
    name,
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(token === undefined ? {} : { token }),
  };
}

/** `ackWaitMs`: for fault tests. */
export function jetStreamOptions({ tiers, streams }: Configuration, ackWaitMs?: number): JetStreamOptions {
  return {
    ...(ackWaitMs === undefined ? {} : { ackWaitMs }),
    tiers: Object.keys(tiers),
    replicas: streams.replicas,
    maxBytes: {
      events: streams.eventsMaxMb * MIB,
      planned: streams.plannedMaxMb * MIB,
      outcomes: streams.outcomesMaxMb * MIB,
      deadLetters: streams.deadLettersMaxMb * MIB,
    },
  };
}

export function storeConfig({ store }: Configuration): StoreConfig {
  const { endpoint, accessKey, secretKey, region } = store;
  return { endpoint, accessKey, secretKey, region };
}
