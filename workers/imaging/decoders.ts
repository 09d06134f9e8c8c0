// Names what decodes, so that a picture refused by one version is tried again by the next (I6). Read from the packages' own files:
// loading sharp itself would cost a parent 19 MB for something that only its children use.
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

/** Raised when our own guards change what is refused. */
const GUARDS_VERSION = 1;

/** `sharp 0.35.5, heic-decode 2.1.0, libheif-js 1.19.8, guards 1`. */
export function decoderVersions(): string {
  const heicDecode = packageFile('heic-decode', import.meta.url);
  const files = [packageFile('sharp', import.meta.url), heicDecode, packageFile('libheif-js', heicDecode)];
  return [...files.map(nameAndVersion), `guards ${GUARDS_VERSION}`].join(', ');
}

function packageFile(name: string, from: string): string {
  const path = findPackageJSON(name, from);
  if (path === undefined) throw new Error(`the package ${name} is not installed`);
  return path;
}

function nameAndVersion(path: string): string {
  const { name, version } = JSON.parse(readFileSync(path, 'utf8')) as { name: string; version: string };
  return `${name} ${version}`;
}
