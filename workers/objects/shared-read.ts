// Many askers, few reads: each gets the answer of a read that began after it asked.

/**
 * At most one `read` runs at a time. Who asks while one runs waits for the next, together with all others who ask until then: the one
 * that runs may have seen the world before the asker did.
 */
export function shareRead<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  let next: Promise<T> | null = null;

  function begin(): Promise<T> {
    next = null;
    const mine = read().finally(() => {
      if (running === mine) running = null;
    });
    running = mine;
    return mine;
  }

  return () => {
    if (running === null) return begin();
    // Whatever became of the read before is told to those who asked for it.
    next ??= running.then(begin, begin);
    return next;
  };
}
