// test/compose/run: the whole story of one compose project, from nothing to nothing, with its state asserted after each blow.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { parseArgs, promisify } from 'node:util';
import { eventually } from '../harness/eventually.ts';
import { tempDir } from '../harness/temp-dir.ts';
import { BASE_IMAGES, compose, containersOf, docker, isThere, labelOf, type Project, whyNoEngine } from './engine.ts';
import { assertConfined, assertImageIsBare, renderersUnder } from './hardening.ts';
import { keyOf, type Load, paintPictures, put, remove, startLoad } from './load.ts';
import { allHealthy, assertQuietState, assertReadable, listObjects, planSite, setsOf } from './site.ts';

const HELP = `test/compose/run [--keep-image]

Brings docker-compose.yml up under a project name and on ports of its own, proves it, and removes containers, volumes, networks and the image of the roles.
The image of MinIO (millrace-minio), which takes a minute to build, stays.

  --keep-image            the image of the roles stays, too
  ENGINE_RESTART_COMMAND  how to restart the engine, for instance 'sudo systemctl restart docker'; without it all containers are killed and
                          started at once, in no order, as an engine that starts again does
Exit codes: 0 proven, 1 not so, 3 there is no engine.
`;

const PICTURES = 60;
/** Keys that the load replaces over and over. */
const LOADED = 50;
const startedMs = performance.now();

function say(text: string): void {
  console.log(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${text}`);
}

const { values: options } = parseArgs({
  options: { help: { type: 'boolean' }, 'keep-image': { type: 'boolean', default: false } },
});
const missing = options.help ? null : await whyNoEngine();
if (options.help) process.stdout.write(HELP);
else if (missing !== null) {
  process.stderr.write(`NOT PROVEN: ${missing}\n`);
  process.exitCode = 3;
} else process.exitCode = (await prove()) ? 0 : 1;

async function prove(): Promise<boolean> {
  const site = await planSite();
  const { project, s3 } = site;
  await using scratch = await tempDir();
  const up = (...args: string[]) => compose(project, 'up', '--detach', '--wait', '--wait-timeout', '300', ...args);
  const quiet = async (after: string) => {
    await assertQuietState(site, scratch.path);
    say(`exact state after ${after}`);
  };
  let load: Load | undefined;

  try {
    say(
      `engine ${await docker('version', '--format', '{{.Server.Version}}')}, compose ${await docker('compose', 'version', '--short')}, ${project.name}`,
    );
    const painting = paintPictures(PICTURES);
    painting.catch(() => undefined); // told when it is waited for
    await upOrSayWhatIsMissing(() => compose(project, 'build'));
    say('images built');
    const beforeUpMs = performance.now();
    await upOrSayWhatIsMissing(() => up());
    await allHealthy(project, 1);
    say(`up: all healthy ${((performance.now() - beforeUpMs) / 1000).toFixed(1)} s after the images were there`);

    await assertConfined((await containersOf(project)).map(({ id }) => id));
    await assertImageIsBare(project.name);
    const megabytes = Number(await docker('image', 'inspect', '--format', '{{.Size}}', project.name)) / 1e6;
    say(
      `all confined: own users, read-only roots, no capabilities, memory limits, ports on 127.0.0.1; image of the roles ${megabytes.toFixed(0)} MB`,
    );
    const renderers = {
      'this machine': await renderersUnder(project.name),
      '--cpus 1': await renderersUnder(project.name, '--cpus', '1'),
      '--memory 1g': await renderersUnder(project.name, '--memory', '1g'),
    };
    assert.equal(renderers['--cpus 1'], 1);
    assert.ok(renderers['--memory 1g'] <= 2);
    say(`renderers by the limits of the container: ${JSON.stringify(renderers)}`);

    const pictures = await painting;
    say(`${PICTURES} pictures painted`);
    // The last ten are left alone by the load: nothing that is under way could tell of a change to them.
    await Promise.all(pictures.slice(-20).map((picture, at) => put(s3, keyOf(PICTURES - 20 + at), picture)));
    await quiet('20 uploads by the published port, one processor');

    await up('--scale', 'processor=3');
    await allHealthy(project, 3);
    say('scaled to 3 processors');

    load = startLoad(s3, pictures, LOADED);
    await answered(load, LOADED);
    const processor = await containerOf(project, 'processor');
    await crash(project.name, processor);
    say(`a processor killed under load, after ${load.answered} uploads`);
    await answered(load, LOADED);
    const nats = await containerOf(project, 'nats');
    await docker('kill', nats);
    say(`the container of NATS killed under load, after ${load.answered} uploads`);
    await answered(load, 40);
    await load.stop();
    await Promise.all(pictures.slice(0, 5).map((picture, at) => put(s3, keyOf(LOADED + at), picture)));
    await remove(s3, keyOf(PICTURES - 1));
    await docker('start', nats);
    say(
      `NATS started again, after ${load.answered} uploads; meanwhile 5 idle objects were replaced and one was removed`,
    );
    await allHealthy(project, 3);
    say('all healthy again: the engine restarted the processor, the others waited');
    await quiet('both blows');

    load = startLoad(s3, pictures, LOADED);
    await answered(load, 2 * PICTURES);
    const restart = restartEngine(project);
    restart.catch(() => undefined); // told when it is waited for
    await answered(load, 20);
    await load.stop();
    say(await restart);
    for (const at of [5, 15, 25, 35, 45]) await remove(s3, keyOf(at));
    await allHealthy(project, 3);
    say(
      `all healthy again, started in no order; ${load.answered} uploads before, meanwhile and after, then 5 removals`,
    );
    await quiet('the restart under load');

    const before = setsOf(await listObjects(site));
    await compose(project, 'down');
    assert.deepEqual(await containersOf(project), []);
    say('down: no container is left');
    const againMs = performance.now();
    await up();
    await allHealthy(project, 1);
    say(`up again, all healthy after ${((performance.now() - againMs) / 1000).toFixed(1)} s`);
    await quiet('down and up');
    const views = await listObjects(site);
    assert.deepEqual(new Set(views.map(({ state }) => state)), new Set(['committed']));
    assert.equal(views.length, PICTURES - 6);
    assert.deepEqual(setsOf(views), before, 'nothing was rendered again');
    say(
      `${await assertReadable(site, views)} renditions of ${views.length} pictures read by the keeper's published port; the same sets as before`,
    );

    const logs = await compose(project, 'logs', '--no-color');
    for (const secret of site.secrets) assert.ok(!logs.includes(secret), 'no secret stands in a log');
    say('no secret in any log');
    console.log('PROVEN');
    return true;
  } catch (error) {
    console.error('NOT PROVEN:', error);
    await tellWhatRan(project);
    return false;
  } finally {
    await load?.stop().catch((error: unknown) => console.error('the load ended with', error));
    await compose(project, 'down', '--volumes', '--remove-orphans', '--timeout', '20');
    if (!options['keep-image'] && (await isThere(project.name))) await docker('rmi', project.name);
    const left = await Promise.all(
      ['container', 'volume', 'network'].map((kind) =>
        docker(kind, 'ls', '--quiet', ...(kind === 'container' ? ['--all'] : []), '--filter', labelOf(project)),
      ),
    );
    assert.deepEqual(left, ['', '', ''], 'containers, volumes and networks of the project are gone');
    say('cleaned up');
  }
}

async function upOrSayWhatIsMissing(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const there = await Promise.all(
      BASE_IMAGES.map(async (image) => `  ${image}: ${(await isThere(image)) ? 'there' : 'NOT THERE'}`),
    );
    console.error(
      `Images that are pulled where they are not there; without a registry they have to be:\n${there.join('\n')}`,
    );
    throw error;
  }
}

/** `more` uploads after now. */
async function answered(load: Load, more: number): Promise<void> {
  const until = load.answered + more;
  await eventually(() => load.answered >= until, { timeoutMs: 240_000, what: `${more} more uploads` });
}

async function containerOf(project: Project, name: string): Promise<string> {
  const found = (await containersOf(project)).find(({ service }) => service === name);
  assert.ok(found, `${name} has a container`);
  return found.id;
}

/** As a crash, not as an order to stop: the engine's restart policy counts. A process cannot kill the first one of its own container. */
async function crash(image: string, container: string): Promise<void> {
  const pid = await docker('inspect', '--format', '{{.State.Pid}}', container);
  const rights = ['--pid', 'host', '--user', '0:0', '--cap-drop', 'ALL', '--cap-add', 'KILL', '--network', 'none'];
  await docker('run', '--rm', ...rights, '--entrypoint', '/bin/bash', image, '-c', `kill -9 ${pid}`);
  await eventually(async () => (await docker('inspect', '--format', '{{.RestartCount}}', container)) === '1', {
    what: 'the restart of the killed container',
  });
}

/** What was done, in words. */
async function restartEngine(project: Project): Promise<string> {
  const command = process.env['ENGINE_RESTART_COMMAND'];
  if (command !== undefined && command !== '') {
    await promisify(execFile)('sh', ['-c', command], { maxBuffer: 2 ** 24 });
    await eventually(() => whyNoEngine().then((why) => why === null), { timeoutMs: 120_000, what: 'the engine' });
    return `the engine restarted (${command})`;
  }
  const running = (await containersOf(project)).filter(({ state }) => state === 'running').map(({ id }) => id);
  await docker('kill', ...running);
  await docker('start', ...running);
  return 'all containers killed and started in no order (ENGINE_RESTART_COMMAND is not set: the engine itself was not restarted)';
}

async function tellWhatRan(project: Project): Promise<void> {
  try {
    console.error(await compose(project, 'ps', '--all'));
    console.error(await compose(project, 'logs', '--no-color', '--tail', '40'));
  } catch (error) {
    console.error('and the engine does not tell more:', error);
  }
}
