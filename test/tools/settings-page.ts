// config/README.md with the table of settings that the schema has now.
import { join } from 'node:path';
import { configurationSchema, settings } from '../../workers/model/configuration.ts';
import { configTable } from '../../workers/platform/config-text.ts';

export const SETTINGS_PAGE = join(import.meta.dirname, '..', '..', 'config', 'README.md');

const BEGIN = '<!-- made by `npm run -s docs` from workers/model/configuration.ts -->\n';
const END = '<!-- end of what is made -->\n';

export function withTable(page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`config/README.md needs the lines ${BEGIN} and ${END}`);
  return `${page.slice(0, begin)}${BEGIN}\n${configTable(configurationSchema, settings)}\n${page.slice(end)}`;
}
