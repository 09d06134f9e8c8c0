// A process that provisions the index at INDEX_URL and prints what it found and how much of it it made.
import { provisionIndex } from '../../../workers/index/provision-index.ts';
import { quiet } from './harness.ts';

await using provisioned = await provisionIndex(
  { url: process.env['INDEX_URL'] ?? '', poolSize: 2, applicationName: 'test' },
  quiet,
);
const source = await provisioned.registerSource('main', 'photos');
const { generation, changed } = await provisioned.registerGeneration({ presets: [] });
const made = provisioned.migrations.length + [provisioned.created, source.created, changed].filter(Boolean).length;
console.log(JSON.stringify({ indexId: provisioned.indexId, sourceId: source.id, generation, made }));
