// A process with a pool of its own, for the tests of what happens to children when their parent ends. Prints the pids of its children.
import { text } from 'node:stream/consumers';
import type { RenderJob } from '../../../workers/model/render.ts';
import { startPool } from './harness.ts';

const { FAULT_AT, FAULT, FAULT_LOG, END } = process.env;
const job = JSON.parse(await text(process.stdin)) as RenderJob;
const pool = startPool({
  size: 1,
  entry: new URL('./hooked-child.ts', import.meta.url),
  env: { FAULT_AT: FAULT_AT ?? '', FAULT: FAULT ?? '', ...(FAULT_LOG === undefined ? {} : { FAULT_LOG }) },
});
const slot = await pool.takeSlot('live', 0, new AbortController().signal);
const running = slot?.render(job, new AbortController().signal);
if (FAULT !== 'wait') await running;
console.log(JSON.stringify(pool.pids()));
slot?.release();
if (END === undefined) setInterval(() => {}, 1_000);
