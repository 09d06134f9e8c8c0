// The pool's status as text for people.
import { bytes, columns, printable } from './object-text.ts';
import type { StatusView } from './status.ts';

export function statusText(view: StatusView): string {
  return [
    section('lanes', [
      ['', 'waiting', 'under way', 'per second', 'time left'],
      ...view.lanes.map(({ name, pending, underWay, perSecond, etaS }) => {
        return [name, String(pending), String(underWay), perSecond.toFixed(1), etaS === null ? '-' : duration(etaS)];
      }),
    ]),
    section('processors', view.processors.length === 0 ? [['none answers']] : view.processors.map(processorCells)),
    section('volumes', view.volumes.length === 0 ? [['none is announced']] : view.volumes.map(volumeCells)),
    section(
      'streams',
      view.streams.map(({ name, messages, bytes: size, maxBytes }) => {
        const share = maxBytes > 0 ? `${((100 * size) / maxBytes).toFixed(0)} % of ${bytes(maxBytes)}` : 'no limit';
        return [name, `${messages} messages`, bytes(size), share];
      }),
    ),
    section('last minute', [[counts(view.lastMinute)]]),
    ...sectionIfAny(
      'sweeps owed (millrace sweep)',
      view.owedSweeps.map(({ bucket, reason, since }) => [bucket, reason, `since ${since}`]),
    ),
    ...sectionIfAny(
      'removals withheld (millrace sweep --allow-removals)',
      view.withheldRemovals.map(({ bucket, count, since }) => [bucket, String(count), `since ${since}`]),
    ),
  ].join('\n');
}

function processorCells(processor: StatusView['processors'][number]): string[] {
  const { host, pid, upMs, generation, renderers, loops } = processor;
  const troubles = [
    ...(generation === null ? ['CONFIG_OUTDATED: fetches nothing'] : []),
    ...loops.flatMap(({ consumer, code }) => (code === null ? [] : [`${consumer}: ${code}`])),
    ...loops.flatMap(({ consumer, pauseMs }) => (pauseMs > 0 ? [`${consumer}: held back, ${pauseMs} ms`] : [])),
  ];
  const inFlight = loops.reduce((sum, loop) => sum + loop.inFlight, 0);
  return [
    `${printable(host)} ${pid}`,
    `up ${duration(Math.round(upMs / 1_000))}`,
    `${renderers.busy} of ${renderers.size} renderers`,
    `${inFlight} messages in hand`,
    troubles.length === 0 ? 'fine' : printable(troubles.join('; ')),
  ];
}

function volumeCells({
  volume,
  host,
  tier,
  freeBytes,
  open,
  reason,
  message,
}: StatusView['volumes'][number]): string[] {
  const gate = open ? 'open' : printable(`CLOSED: ${reason ?? ''}: ${message ?? ''}`);
  return [volume, printable(host), tier, `${bytes(freeBytes)} free`, gate];
}

function section(title: string, rows: readonly (readonly string[])[]): string {
  return [title, ...columns(rows).map((line) => `  ${line}`.trimEnd())].join('\n');
}

function sectionIfAny(title: string, rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : [section(title, rows)];
}

function counts(ended: Readonly<Record<string, number>>): string {
  const parts = Object.entries(ended).map(([outcome, count]) => `${count} ${outcome}`);
  return parts.length === 0 ? 'no attempt ended' : parts.join(', ');
}

/** `5 s`, `3 min`, `2.5 h`, `4 d`. */
function duration(seconds: number): string {
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6_000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${(seconds / 3_600).toFixed(1)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
