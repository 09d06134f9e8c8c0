// npm run -s docs: writes into config/README.md the table of all settings, as the schema has them.
import { readFile, writeFile } from 'node:fs/promises';
import { SETTINGS_PAGE, withTable } from './settings-page.ts';

await writeFile(SETTINGS_PAGE, withTable(await readFile(SETTINGS_PAGE, 'utf8')));
