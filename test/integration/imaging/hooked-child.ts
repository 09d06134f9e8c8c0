// A renderer child that ends, stops or waits where its environment tells it to: the fault injection of the pool's tests.
import { appendFileSync } from 'node:fs';
import { serveRenders } from '../../../workers/imaging/serve-renders.ts';

const { FAULT_AT, FAULT, FAULT_LOG } = process.env;

serveRenders({
  reached: async (point, _job, file) => {
    if (FAULT_LOG !== undefined)
      appendFileSync(FAULT_LOG, `${process.pid} ${point}${file === undefined ? '' : ` ${file}`}\n`);
    if (point !== FAULT_AT) return;
    switch (FAULT) {
      case 'eat-memory': {
        const eaten: Buffer[] = [];
        while (true) {
          eaten.push(Buffer.alloc(8_000_000, 1));
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
      case 'throw':
        throw new TypeError('a fault of ours');
      case 'wait':
        // With something to do, as a decode is: nothing but its parent's end would end it.
        setInterval(() => {}, 1_000);
        await new Promise(() => {});
        break;
      case 'SIGKILL':
      case 'SIGSTOP':
      case 'SIGSEGV':
        process.kill(process.pid, FAULT);
        break;
      case undefined:
      default:
    }
  },
});
