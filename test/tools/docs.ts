// npm run -s docs: writes config/ERRORS.md, and into config/README.md the table of all settings, as catalogue and schema have them.
import { readFile, writeFile } from 'node:fs/promises';
import { ERRORS_PAGE, errorsPage } from './errors-page.ts';
import { SETTINGS_PAGE, withTable } from './settings-page.ts';

await writeFile(SETTINGS_PAGE, withTable(await readFile(SETTINGS_PAGE, 'utf8')));
await writeFile(ERRORS_PAGE, errorsPage());
