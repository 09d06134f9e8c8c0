// What a setting is besides its zod schema: its sentence in the table, the form an operator has to give it, its variable, whether it is secret.
import { isAbsolute } from 'node:path';
import { z } from 'zod';

export interface SettingMeta {
  /** One sentence for the table in config/README.md. */
  readonly doc: string;
  /** What is expected, as a noun phrase: `a whole number from 1 to 256`. Errors and table show it. */
  readonly form: string;
  /** The environment variable that sets it. */
  readonly env?: string;
  /** `whole`: never shown · `identity`: the same, but not hunted for in log lines · `password`: a URL shown without its password.
   *  All of them can come from the file that `<env>_FILE` names. */
  readonly secret?: 'whole' | 'identity' | 'password';
  /** For a default that is not in the schema. */
  readonly defaultText?: string;
  /** For a list: how the variable's text is read. */
  readonly fromEnv?: (text: string) => unknown;
}

export const settings = z.registry<SettingMeta>();

type Meta<K extends keyof SettingMeta = never> = Omit<SettingMeta, 'form' | K> & Partial<Pick<SettingMeta, 'form'>>;

/** Registers the meaning of a schema, which is the outermost one: defaults are already on it. */
export function setting<S extends z.ZodType>(schema: S, meta: SettingMeta): S {
  settings.add(schema, meta);
  return schema;
}

export function wholeNumber(min: number, max: number, fallback: number, meta: Meta): z.ZodDefault<z.ZodNumber> {
  return setting(z.number().int().min(min).max(max).default(fallback), {
    form: `a whole number from ${min} to ${max}`,
    ...meta,
  });
}

export function number(min: number, max: number, fallback: number, meta: Meta): z.ZodDefault<z.ZodNumber> {
  return setting(z.number().min(min).max(max).default(fallback), { form: `a number from ${min} to ${max}`, ...meta });
}

export function flag(fallback: boolean, meta: Meta): z.ZodDefault<z.ZodBoolean> {
  return setting(z.boolean().default(fallback), { form: 'true or false', ...meta });
}

export function oneOf<const T extends readonly [string, ...string[]]>(
  values: T,
  fallback: T[number],
  meta: Meta,
): z.ZodDefault<z.ZodType<T[number], T[number]>> {
  const schema: z.ZodType<T[number], T[number]> = z.enum(values) as never;
  return setting(schema.default(fallback as never), {
    form: values.map((value) => `\`${value}\``).join(' or '),
    ...meta,
  });
}

/** Text without control characters. */
export function text(meta: Meta): z.ZodString {
  return setting(plainText(1024), { form: 'a text', ...meta });
}

export function plainText(maxLength: number): z.ZodString {
  return z
    .string()
    .min(1)
    .max(maxLength)
    .regex(/^[^\p{Cc}]*$/u);
}

/** Names of presets, tiers, stores: they become file names, subjects and consumer names. */
export const nameSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/);
export const NAME_FORM = 'a name of 1 to 32 letters a–z, digits and -';

export const bucketSchema = z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/);
export const BUCKET_FORM = 'an S3 bucket name (3 to 63 letters a–z, digits, . and -)';

export const absolutePath = plainText(4096).refine(isAbsolute);

/** `bare`: nothing after host and port. */
export function urlSchema(schemes: readonly string[], bare: boolean): z.ZodString {
  return z.string().refine((value) => {
    if (!URL.canParse(value)) return false;
    const url = new URL(value);
    const nothingMore = ['', '/'].includes(url.pathname) && url.search === '' && url.hash === '' && url.username === '';
    return schemes.includes(url.protocol.slice(0, -1)) && url.hostname !== '' && (!bare || nothingMore);
  });
}

/** `127.0.0.1:9410`, `[::1]:0`. */
export const listenSchema = z.string().refine((value) => {
  const port = /^(?:\[[0-9a-f:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(value)?.[1];
  return port !== undefined && Number(port) <= 65_535;
});
