/** Comma-separated values as RFC 4180 has them. */

/** Spreadsheets run a cell that begins like this; one apostrophe in front makes it text, and is taken off again. */
const ACTIVE = /^'*[=+\-@\t\r]/;
const DISARMED = /^'+[=+\-@\t\r]/;

function cell(value: string): string {
  const safe = ACTIVE.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function toCsv(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** Rows of cells. A quote that is never closed ends with the text. */
export function fromCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const part = /("(?:[^"]|"")*"?|[^",\r\n]*)(,|\r\n|\n|\r|$)/y;
  while (part.lastIndex < text.length) {
    const match = part.exec(text);
    if (!match) throw new SyntaxError("not comma-separated values");
    const [, raw = "", end] = match;
    const value = raw.startsWith('"') ? raw.slice(1).replace(/"$/, "").replaceAll('""', '"') : raw;
    row.push(DISARMED.test(value) ? value.slice(1) : value);
    if (end !== ",") {
      rows.push(row);
      row = [];
    }
  }
  if (row.length > 0) rows.push([...row, ""]);
  return rows.filter((cells) => cells.length > 1 || cells[0] !== "");
}
