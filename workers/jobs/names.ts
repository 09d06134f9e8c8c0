// Names of the two queues. Passes run for minutes to days, ticks for seconds: apart, neither waits for the other.
export const PASSES = 'millrace-passes';
export const TICKS = 'millrace-ticks';
