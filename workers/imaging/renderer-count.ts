// How many renderers run by default: as many as cores, as far as the memory of this machine or container goes.
import { totalmem } from 'node:os';
import { coreCount } from './cores.ts';

const MIB = 1024 * 1024;
/** The processor itself (150 MiB measured), and room for one picture that takes much more than others. */
const FIRST_MIB = 512;
/** A renderer holds 130 MiB at 12 MP, 280 to 350 after a HEIC (measured), and is replaced at 400; not all are at their peak at once. */
const EACH_MIB = 256;

/** At least 1. */
export function rendererCount(cores: number = coreCount(), memoryBytes: number = memoryLimitBytes()): number {
  const fitting = Math.floor((memoryBytes / MIB - FIRST_MIB) / EACH_MIB);
  return Math.max(1, Math.min(cores, fitting));
}

/** Of the cgroup, where it has a limit below the machine's memory. */
function memoryLimitBytes(): number {
  const constrained = process.constrainedMemory(); // 0: not known; without a limit it may be a number beyond any memory
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
