// For each rule, seeds whose schedule breaks an assertion when that rule is left out. Found by `npm run -s simulate -- --find-teeth`.
import type { Rule } from './left-out.ts';

export const TEETH: Readonly<Record<Rule, readonly number[]>> = {};
