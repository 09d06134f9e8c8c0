// Lets no SVG through that names anything outside itself: no file, no address, no entity that could grow. librsvg is given no base
// address and would load nothing either; an SVG that counts on it is refused with a code instead of rendered with holes.
import { RefusalError } from './refusal.ts';
import { xmlText } from './svg-prolog.ts';

/** Encodings in which markup is written as in ASCII; others could hide it from the checks below. */
const READABLE = /^(utf-?8|utf-?16(le|be)?|us-ascii|ascii|iso-8859-\d+|windows-125\d)$/i;

/** Errors: RefusalError SVG_EXTERNAL_REFERENCE, SVG_UNSAFE_ENTITIES, NOT_DECODABLE. */
export function assertSelfContained(bytes: Buffer): void {
  const text = xmlText(bytes);
  const encoding = /^\s*<\?xml[^>]*?encoding\s*=\s*["']([^"']*)/.exec(text ?? '')?.[1] ?? 'utf-8';
  if (text === null || !READABLE.test(encoding)) {
    throw new RefusalError('NOT_DECODABLE', 'The SVG is written in an encoding that is not read here.');
  }
  assertEntities(text);
  assertReferences(text);
  assertCss(text);
}

/** Illustrator declares its namespaces as entities, which is harmless; one that points outside or expands others is not. */
function assertEntities(text: string): void {
  for (const [, declaration = ''] of text.matchAll(/<!ENTITY([^>]*)/g)) {
    if (/^\s+[\w:.-]+\s+(?:"[^"&%<]*"|'[^'&%<]*')\s*$/.test(declaration)) continue;
    throw new RefusalError('SVG_UNSAFE_ENTITIES', 'The SVG declares entities that point outside it or expand others.');
  }
}

/** A link leads somewhere only when it is clicked. XML allows no `<` inside a tag, so this takes out no more than one. */
const LINK = /<(?:svg:)?a\s[^<>]*>/g;
const REFERENCE = /[\s"'](?:[^\s=<>"'/]+:)?(?:href|src)\s*=\s*(?:"([^"]*)"|'([^']*)')/gi;

/** Comments and CDATA are searched too: where one begins and ends is not worth being wrong about. */
function assertReferences(text: string): void {
  for (const [, double, single] of text.replace(LINK, ' ').matchAll(REFERENCE)) assertInside(double ?? single ?? '');
}

function assertCss(text: string): void {
  // `u\72l(` is `url(` to a CSS parser.
  const css = text.replace(/\\([0-9a-f]{1,6})\s?/gi, (_, hex: string) =>
    String.fromCodePoint(Math.min(0x10ffff, Number.parseInt(hex, 16))),
  );
  if (/@import/i.test(css)) refuse('@import');
  for (const [, target = ''] of css.matchAll(/url\s*\(\s*(?:["']|&quot;|&apos;)?([^)]*)/gi)) assertInside(target);
}

const INSIDE = /^\s*(?:$|#|data:(?:image\/(?:png|jpe?g|gif|webp)|(?:font|application)\/[\w.+-]+)[;,])/i;

function assertInside(reference: string): void {
  if (!INSIDE.test(reference)) refuse(reference);
}

function refuse(reference: string): never {
  throw new RefusalError('SVG_EXTERNAL_REFERENCE', `The SVG refers to something outside it: ${reference.slice(0, 80)}`);
}
