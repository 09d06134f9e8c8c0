// Reads an XML document up to its root element: enough to tell an SVG from other text.

/** The text of an XML document in UTF-8 or, with its byte order mark, UTF-16. Null where the bytes are no such text. */
export function xmlText(bytes: Buffer): string | null {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
  const text = new TextDecoder(encoding).decode(bytes);
  return text.includes('\0') ? null : text;
}

/** What may stand before the root: white space, declarations, comments, one DOCTYPE with or without a list of its own. */
const PROLOG =
  /^(?:\s+|<\?[^]*?\?>|<!--[^]*?-->|<!DOCTYPE(?:[^>["']|"[^"]*"|'[^']*'|\[(?:[^\]"']|"[^"]*"|'[^']*')*\])*>)/;

/** The root element's name without its prefix; null where no root is in sight. */
export function readRootElement(head: Buffer): string | null {
  const first = head[0];
  // Cheap answer for the binaries: XML begins with white space, a byte order mark or `<`.
  if (first === undefined || !FIRST_BYTES.has(first)) return null;
  let rest = xmlText(head);
  if (rest === null) return null;
  for (let match = PROLOG.exec(rest); match !== null; match = PROLOG.exec(rest)) rest = rest.slice(match[0].length);
  return /^<(?:[\w.-]+:)?([\w.-]+)[\s/>]/.exec(rest)?.[1] ?? null;
}

const FIRST_BYTES = new Set([0x09, 0x0a, 0x0d, 0x20, 0x3c, 0xef, 0xfe, 0xff]);
