// What a server may see of our environment: enough to run, nothing that would change how it behaves.

const PASSED_ON = [
  'PATH',
  'HOME',
  'TMPDIR',
  'TEMP',
  'TMP',
  'TZ',
  'LANG',
  'SystemRoot',
  'USERPROFILE',
  'LD_LIBRARY_PATH',
];

/** A user's own `MINIO_*`, `PG*` or `CI` would change the servers' behaviour, so the environment is picked, not filtered. */
export function childEnv(
  own: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = env[name];
    if (value !== undefined) kept[name] = value;
  }
  return { ...kept, ...own };
}
