// For each rule, seeds whose schedule breaks an assertion when that rule is left out. Found by `npm run -s simulate -- --find-teeth`.
import type { Rule } from './left-out.ts';

export const TEETH: Readonly<Record<Rule, readonly number[]>> = {
  'second look': [60, 88],
  'row before object': [14, 32],
  'revision fence': [10, 17],
  'set fence': [98, 230],
  'lease fence': [98, 362],
  'one claim a version': [1, 21],
  'If-Match': [74, 128],
  'telling before ack': [41, 68],
  'telling what others committed': [95, 161],
  'removal as a commit': [5, 6],
  scrub: [16, 59],
  'sweeps publish anew': [6278, 8442],
  grace: [60, 82],
};
