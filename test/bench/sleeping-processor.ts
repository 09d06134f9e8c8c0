// A processor as a process of its own, whose renderers only sleep. Arguments: the configuration's file, milliseconds.
import { readFileSync } from 'node:fs';
import { superviseRole } from '../../workers/cli/run-role.ts';
import { configurationFrom } from '../../workers/model/configuration.ts';
import { createLog } from '../../workers/platform/log.ts';
import { startProcessor } from '../../workers/roles/processor.ts';

const [file = '', sleepMs = ''] = process.argv.slice(2);
const configuration = configurationFrom(JSON.parse(readFileSync(file, 'utf8')));
const log = createLog({ role: 'processor', level: configuration.log.level });
const hooks = {
  renderers: { entry: new URL('./sleeping-renderer.ts', import.meta.url), env: { BENCH_SLEEP_MS: sleepMs } },
};
process.exit(
  await superviseRole((signal) => startProcessor(configuration, log, signal, hooks), {
    log,
    healthPort: configuration.processor.healthPort,
    io: {
      onSignal(listener) {
        process.on('SIGTERM', listener);
        return () => process.off('SIGTERM', listener);
      },
      exit: (code) => process.exit(code),
    },
  }),
);
