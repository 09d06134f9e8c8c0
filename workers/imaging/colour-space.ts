// Names the colours a picture came in: its profile's name where it has one.
import type { Picture } from './picture.ts';

/** `srgb`, `display-p3`, `adobe-rgb-1998`, `cmyk`, `b-w`, … */
export function colourSpaceOf({ header }: Picture): string {
  if (header.space === 'cmyk' || header.icc === undefined) return header.space;
  const name = profileName(header.icc);
  if (name === undefined || /^(s ?rgb|c2(ci)?$)/i.test(name)) return header.space;
  if (/^sp3c$/i.test(name)) return 'display-p3'; // of the compact profiles that tools embed to save bytes
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 60);
}

const HEADER_BYTES = 128;
const TAG_BYTES = 12;

/** The profile's description: ASCII in version 2, UTF-16 with translations in version 4. Undefined where it cannot be read. */
function profileName(icc: Buffer): string | undefined {
  if (icc.length < HEADER_BYTES + 4) return undefined;
  const tags = Math.min(icc.readUInt32BE(HEADER_BYTES), 100);
  for (let tag = 0; tag < tags; tag += 1) {
    const at = HEADER_BYTES + 4 + tag * TAG_BYTES;
    if (at + TAG_BYTES > icc.length) return undefined;
    if (icc.toString('latin1', at, at + 4) !== 'desc') continue;
    const start = icc.readUInt32BE(at + 4);
    return descriptionIn(icc.subarray(start, start + icc.readUInt32BE(at + 8)));
  }
  return undefined;
}

function descriptionIn(tag: Buffer): string | undefined {
  const type = tag.toString('latin1', 0, 4);
  let name = '';
  if (type === 'desc' && tag.length > 12) name = tag.toString('latin1', 12, 12 + tag.readUInt32BE(8));
  if (type === 'mluc' && tag.length >= 28) {
    const start = tag.readUInt32BE(24);
    const utf16 = Buffer.from(tag.subarray(start, start + (tag.readUInt32BE(20) & ~1)));
    name = utf16.swap16().toString('utf16le');
  }
  return name.replace(/\0.*$/s, '').trim() || undefined;
}
