// Lines to stdout, at the reader's pace; a reader that has seen enough (`| head`) ends the command without an error.
import { codeOf } from '../platform/errors.ts';

export interface Output {
  /** False: nobody reads any more; stop producing. Throws what else went wrong with the stream. */
  line(text: string): Promise<boolean>;
  /** Resolves when everything has been handed to the system. */
  flush(): Promise<void>;
}

export function createOutput(stream: NodeJS.WritableStream): Output {
  let closed = false;
  let broken: unknown;
  stream.on('error', (error: unknown) => {
    closed = true;
    if (codeOf(error) !== 'EPIPE') broken = error;
  });
  function assertWhole(): void {
    if (broken !== undefined) throw broken;
  }
  return {
    async line(text) {
      if (!closed && !stream.write(`${text}\n`)) await drained(stream);
      assertWhole();
      return !closed;
    },
    async flush() {
      if (!closed) await new Promise<void>((resolve) => stream.write('', () => resolve()));
      assertWhole();
    },
  };
}

function drained(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    function done(): void {
      for (const event of ['drain', 'close', 'error']) stream.off(event, done);
      resolve();
    }
    for (const event of ['drain', 'close', 'error']) stream.on(event, done);
  });
}
