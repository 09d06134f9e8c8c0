// A renderer child which stops where the plan of the test says.
import { flushCompileCache } from 'node:module';
import { serveRenders } from '../../workers/imaging/serve-renders.ts';
import { faultFiles, meet } from './fault.ts';

// Whoever is killed writes no cache when it ends; with one a process starts in half the time.
flushCompileCache();
const files = faultFiles(process.env['FAULT_FOLDER'] ?? '');
const plan = files.readPlan();

serveRenders({
  async reached(point, { ref }, file) {
    const fault = plan.find(
      ({ bucket, key, at }) =>
        bucket === ref.bucket &&
        key === ref.key &&
        at.process === 'renderer' &&
        at.point === point &&
        (at.file === undefined || at.file === file),
    );
    if (fault !== undefined) await meet(files, fault, null);
  },
});
