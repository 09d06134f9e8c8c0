// config/ERRORS.md as the catalogue of codes has it now.
import { join } from 'node:path';
import { ERROR_AREAS } from '../../workers/model/error-codes.ts';

export const ERRORS_PAGE = join(import.meta.dirname, '..', '..', 'config', 'ERRORS.md');

export function errorsPage(): string {
  const areas = ERROR_AREAS.map(({ title, codes }) => {
    const rows = codes.map(
      ({ code, disposition, meaning, remedy }) =>
        `| \`${code}\` | ${disposition} | ${cell(meaning)} | ${cell(remedy)} |`,
    );
    return [`## ${title}`, '', '| code | | what it means | what helps |', '|---|---|---|---|', ...rows].join('\n');
  });
  return `${HEAD}\n${areas.join('\n\n')}\n`;
}

const HEAD = `# Codes

<!-- made by \`npm run -s docs\` from workers/model/error-codes.ts -->

Whatever goes wrong bears one of these codes: in a log line, on stderr, in an object's refusal, its attempts, a dead letter.
**retry** is tried again by itself; **refuse** is remembered and not tried again until something changes; **skip** means that there was nothing
to do; **fatal** ends the command or process and waits for a person.
`;

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
