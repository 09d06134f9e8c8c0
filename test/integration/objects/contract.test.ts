import { objectsContract } from '../../contract/objects.ts';
import { startRealStore } from './real-store.ts';

objectsContract('MinIO', startRealStore);
