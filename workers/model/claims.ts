// What an object claims to be by its content type and its extension; both may lie, so only "both say no" spares the look inside.
const IMAGE_EXTENSIONS = new Set('jpg jpeg jpe jfif png apng webp gif avif tif tiff svg svgz heic heif hif'.split(' '));

/** Extensions that name a format which is no picture. An extension in neither list claims nothing. */
const OTHER_EXTENSIONS = new Set(
  (
    'txt md csv tsv log json ndjson xml yaml yml toml ini html htm css js mjs ts wasm pdf doc docx xls xlsx ppt pptx odt ods odp rtf epub ' +
    'zip gz tgz bz2 xz zst 7z rar tar jar iso dmg exe bin so dll deb rpm apk mp3 wav flac ogg opus m4a aac mp4 mov mkv webm avi mpg mpeg ' +
    'm4v wmv sql db sqlite parquet avro orc py go rs java c h cpp sh ttf otf woff woff2'
  ).split(' '),
);

type Claim = 'image' | 'other' | 'none';

function claimOfType(contentType: string): Claim {
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type.startsWith('image/')) return 'image';
  if (type === '' || type === 'application/octet-stream' || type === 'binary/octet-stream') return 'none';
  return 'other';
}

function claimOfKey(key: string): Claim {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  if (dot < 0) return 'none';
  const extension = name.slice(dot + 1).toLowerCase();
  if (IMAGE_EXTENSIONS.has(extension)) return 'image';
  return OTHER_EXTENSIONS.has(extension) ? 'other' : 'none';
}

/** Content type and extension both say that this is something else: it gets a row and no render. */
export function saysNoImage(key: string, contentType: string): boolean {
  return claimOfType(contentType) === 'other' && claimOfKey(key) === 'other';
}

/** At least one of the two says "image": if the first bytes then disagree, that is a refusal and not a plain object. */
export function claimsImage(key: string, contentType: string): boolean {
  return claimOfType(contentType) === 'image' || claimOfKey(key) === 'image';
}
