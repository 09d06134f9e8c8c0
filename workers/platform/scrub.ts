// Takes secrets out of text: passwords in URLs, signatures of presigned URLs, tokens, and the values of keys that are called like secrets (I9).

export const REDACTED = '[redacted]';

/** Keys whose values no log line shows, at whatever depth. Compared without case, `-` and `_`. */
export const SECRET_KEYS = [
  'accessKey',
  'accessKeyId',
  'authorization',
  'cookie',
  'passphrase',
  'passwd',
  'password',
  'privateKey',
  'pwd',
  'secret',
  'secretAccessKey',
  'secretKey',
  'sessionToken',
  'setCookie',
  'signature',
  'token',
  'accessToken',
  'xAmzCredential',
  'xAmzSecurityToken',
  'xAmzSignature',
] as const;

// No replacement may eat a quote or a backslash: the scrubber also runs over whole JSON lines, which have to stay JSON.
const USERINFO = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s/?#"'\\@:]*)(:[^\s/?#"'\\]*)?@/gi;
const BEFORE = String.raw`(?:[?&,;\s]|\\u0026|&amp;|^)`;
const PARAMETER = new RegExp(
  String.raw`(${BEFORE}(?:x-amz-(?:signature|credential|security-token)|signature|credential|awsaccesskeyid|access_token|id_token|token|sig)=)[^\s&,;"'\\#]+`,
  'gi',
);
// Up to the next space: a password may hold what separates parameters.
const PASSWORD = new RegExp(
  String.raw`(${BEFORE}(?:pwd|[a-z0-9_.-]*(?:password|passwd|secret)[a-z0-9_.-]*)=)[^\s"'\\]+`,
  'gi',
);
const BEARER = /\b(bearer|basic) [a-z0-9._~+/=-]{8,}/gi;
const KEY_NAMES = SECRET_KEYS.map((key) => key.replace(/[A-Z]/g, (letter) => `[-_]?${letter}`)).join('|');
const PAIR = new RegExp(String.raw`"(${KEY_NAMES})"(\s*:\s*)(?:"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*)`, 'gi');
const QUOTED_PAIR = new RegExp(String.raw`\\"(${KEY_NAMES})\\"(\s*:\s*)\\"(?:[^"\\]|\\\\.)*\\"`, 'gi');

/** The same text without what looks like a secret. Valid JSON stays valid JSON. */
export function scrubText(text: string): string {
  let scrubbed = text;
  if (scrubbed.includes('://')) scrubbed = scrubbed.replace(USERINFO, maskUserinfo);
  if (scrubbed.includes('=')) {
    scrubbed = scrubbed.replace(PARAMETER, `$1${REDACTED}`).replace(PASSWORD, `$1${REDACTED}`);
  }
  return scrubbed
    .replace(BEARER, `$1 ${REDACTED}`)
    .replace(PAIR, `"$1"$2"${REDACTED}"`)
    .replace(QUOTED_PAIR, String.raw`\"$1\"$2\"${REDACTED}\"`);
}

/** A user's name stays where a password follows it; alone it may be a token (NATS) and goes. */
function maskUserinfo(_match: string, scheme: string, user: string, password: string | undefined): string {
  return password === undefined ? `${scheme}${REDACTED}@` : `${scheme}${user}:${REDACTED}@`;
}

// A shorter one may be a word that lines are full of, such as `millrace` as the password of a development database.
const SHORTEST_SECRET = 12;

/** A scrubber that also takes out these very values, plain, percent-encoded, or escaped for JSON, wherever they turn up. */
export function createScrubber(secrets: readonly string[] = []): (text: string) => string {
  const forms = secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .flatMap((secret) => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]);
  const values = [...new Set(forms)].sort((a, b) => b.length - a.length);
  return (text) => scrubText(values.reduce((rest, value) => rest.replaceAll(value, REDACTED), text));
}
