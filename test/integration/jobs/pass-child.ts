// A planner that saves a checkpoint, says so, and hangs: to be killed.
import { startPassWorker } from '../../../workers/jobs/pass-worker.ts';
import { openPasses } from '../../../workers/jobs/passes.ts';
import { endless, log, PACE } from './room.ts';

const options = { url: process.env['JOBS_TEST_URL'] ?? '', applicationName: 'child' };
startPassWorker({
  options,
  passes: await openPasses(options, log),
  run: async (pass) => {
    await pass.save({ checkpoint: 'k9', counts: { listed: 9 } });
    process.stdout.write('saved\n');
    return endless(pass);
  },
  cancelled: async () => {},
  log,
  pace: PACE,
});
