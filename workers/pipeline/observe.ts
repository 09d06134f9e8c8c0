// Looks at one object: the row first, then the store.
//
// The order is the correctness. Whatever we commit is fenced by the row's revision read here; the object was seen after it, so a
// commit can never put an older sight of the object over a newer row. Read the other way round, a slow processor could.
import type { ObjectRef } from '../model/object-ref.ts';
import type { ObjectRow } from '../model/object-row.ts';
import type { Index, Objects, Sighting } from './ports.ts';

export interface Observed {
  readonly ref: ObjectRef;
  readonly row: ObjectRow | null;
  readonly sighting: Sighting;
  /** Only of a `gone` sighting: the bucket still bears the id that `provision` gave it, so the key is gone and not the bucket. */
  readonly sourceProven: boolean;
}

export async function observe(
  ref: ObjectRef,
  ports: { readonly index: Pick<Index, 'row' | 'sourceId'>; readonly objects: Pick<Objects, 'look'> },
): Promise<Observed> {
  const row = await ports.index.row(ref);
  const sighting = await ports.objects.look(ref);
  if (sighting.kind !== 'gone' || sighting.sourceTag === null) return { ref, row, sighting, sourceProven: false };
  const sourceId = await ports.index.sourceId(ref.store, ref.bucket);
  return { ref, row, sighting, sourceProven: sourceId === sighting.sourceTag };
}
