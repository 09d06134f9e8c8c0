import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { childrenOf, elementsOf, escapeXml, textOf } from '../../../workers/objects/xml.ts';

test('texts are texts: no number is read into them', () => {
  for (const text of ['0', '0123', '0x1F', '1.10', '1e5', 'true', ' x ', '']) {
    assert.equal(textOf(`<a><Key>${text}</Key></a>`, 'Key'), text);
  }
});

test('any text comes back from its escaped form', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.equal(textOf(`<Key>${escapeXml(text)}</Key>`, 'Key'), text);
    }),
  );
});

test('entities are decoded once', () => {
  assert.equal(
    textOf('<E>&#34;a&quot; &lt;&gt; &amp;amp; &apos;&#x1f600;&#X41;</E>', 'E'),
    '"a" <> &amp; \'\u{1f600}A',
  );
});

test('a missing element is null, an empty one empty', () => {
  assert.equal(textOf('<a></a>', 'Key'), null);
  assert.equal(textOf('<a><Key/></a>', 'Key'), '');
  assert.equal(textOf('<a><Key>cut sho', 'Key'), null);
});

test('elements of one name are found in order, whatever their attributes, and none by a longer name', () => {
  assert.deepEqual(childrenOf('<r><T x="1">a</T><Tag>no</Tag><T/><T>b</T></r>', 'T'), ['a', '', 'b']);
});

test('a content is taken apart whole, or not at all', () => {
  assert.deepEqual(elementsOf(' <A><B>1</B></A>\n<C x="y"/> '), [
    { name: 'A', xml: '<A><B>1</B></A>' },
    { name: 'C', xml: '<C x="y"/>' },
  ]);
  assert.deepEqual(elementsOf(''), []);
  for (const broken of ['text', '<A>', '<A></A>text', '<A></B>']) assert.equal(elementsOf(broken), null);
});
