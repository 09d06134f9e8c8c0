// A process that takes the permit of host-1 at INDEX_URL, says so, and holds it until it is killed.
import { openIndex } from '../../../workers/index/open-index.ts';
import { quiet } from './harness.ts';

const index = openIndex({ url: process.env['INDEX_URL'] ?? '', poolSize: 1, applicationName: 'holder' }, quiet);
await index.hostPermit('host-1');
console.log('held');
