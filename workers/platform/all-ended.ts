// Like Promise.all, but it rejects only when every promise has ended: what is closed after a failure has then nobody left who uses it.

export async function allEnded<const T extends readonly Promise<unknown>[]>(
  promises: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
