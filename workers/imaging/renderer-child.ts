// Entry of a renderer child.
import { serveRenders } from './serve-renders.ts';

serveRenders();
