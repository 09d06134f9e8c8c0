import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertSelfContained } from '../../../workers/imaging/svg-guard.ts';
import { isAppError } from '../../../workers/platform/errors.ts';

const svg = (inner: string, prolog = '') =>
  Buffer.from(
    `${prolog}<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">${inner}</svg>`,
  );

const HARMLESS: [string, Buffer][] = [
  [
    'a reference inside the document',
    svg(
      '<defs><circle id="c" r="1"/></defs><use xlink:href="#c"/><rect fill="url(#g)"/><rect style="fill:url( \'#g\' )"/>',
    ),
  ],
  ['an embedded raster', svg('<image href="data:image/png;base64,iVBORw0KGgo="/>')],
  ['a link', svg('<a xlink:href="https://example.org/">x</a>')],
  [
    'the usual DOCTYPE',
    svg(
      '',
      '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">',
    ),
  ],
  [
    'namespaces as entities, as Illustrator writes them',
    svg('', '<!DOCTYPE svg [ <!ENTITY ns_svg "http://www.w3.org/2000/svg"> ]>'),
  ],
  ['an embedded font', svg('<style>@font-face{font-family:x;src:url(data:font/woff2;base64,AAAA)}</style>')],
  ['a reference that is empty', svg('<use href=""/>')],
];

for (const [name, bytes] of HARMLESS) test(`an SVG passes with ${name}`, () => assertSelfContained(bytes));

const REFUSED: [string, string, Buffer][] = [
  ['an image by address', 'SVG_EXTERNAL_REFERENCE', svg('<image href="http://127.0.0.1/x.png"/>')],
  ['an image by file', 'SVG_EXTERNAL_REFERENCE', svg("<image xlink:href='file:///etc/passwd'/>")],
  ['a relative image', 'SVG_EXTERNAL_REFERENCE', svg('<image xlink:href = "secret.png" />')],
  ['an address in character references', 'SVG_EXTERNAL_REFERENCE', svg('<image href="&#104;ttp://x/"/>')],
  [
    'another prefix for xlink',
    'SVG_EXTERNAL_REFERENCE',
    svg('<image xmlns:q="http://www.w3.org/1999/xlink" q:href="http://x/"/>'),
  ],
  ['an SVG inside a data address', 'SVG_EXTERNAL_REFERENCE', svg('<image href="data:image/svg+xml,<svg/>"/>')],
  ['a symbol of another document', 'SVG_EXTERNAL_REFERENCE', svg('<use href="other.svg#c"/>')],
  [
    'an included document',
    'SVG_EXTERNAL_REFERENCE',
    svg('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'),
  ],
  ['a filter image', 'SVG_EXTERNAL_REFERENCE', svg('<filter><feImage href="/x.png"/></filter>')],
  ['a style sheet', 'SVG_EXTERNAL_REFERENCE', svg('', '<?xml-stylesheet href="http://x/a.css"?>')],
  ['an imported style sheet', 'SVG_EXTERNAL_REFERENCE', svg('<style>@import "http://x/a.css";</style>')],
  ['an address in CSS', 'SVG_EXTERNAL_REFERENCE', svg('<style>rect{fill:url(http://x/a.svg#p)}</style>')],
  ['an address in escaped CSS', 'SVG_EXTERNAL_REFERENCE', svg('<rect style="fill:\\75 rl(http://x/)"/>')],
  [
    'an image between two hidden comment marks',
    'SVG_EXTERNAL_REFERENCE',
    svg('<![CDATA[<!--]]><image href="http://x/"/><![CDATA[-->]]>'),
  ],
  ['something that only looks like a link', 'SVG_EXTERNAL_REFERENCE', svg('<a.b href="http://x/"/>')],
  [
    'an entity from a file',
    'SVG_UNSAFE_ENTITIES',
    svg('<text>&x;</text>', '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
  ],
  ['a parameter entity', 'SVG_UNSAFE_ENTITIES', svg('', '<!DOCTYPE svg [<!ENTITY % x SYSTEM "http://x/dtd">%x;]>')],
  [
    'entities that expand each other',
    'SVG_UNSAFE_ENTITIES',
    svg('&b;', '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'),
  ],
  ['an encoding in which markup could hide', 'NOT_DECODABLE', svg('', '<?xml version="1.0" encoding="UTF-7"?>')],
  [
    'the same in UTF-16',
    'SVG_EXTERNAL_REFERENCE',
    Buffer.from(`\ufeff${svg('<image href="http://x/"/>').toString()}`, 'utf16le'),
  ],
];

for (const [name, code, bytes] of REFUSED) {
  test(`an SVG is refused with ${name}`, () =>
    assert.throws(
      () => assertSelfContained(bytes),
      (error) => isAppError(error, code),
    ));
}
