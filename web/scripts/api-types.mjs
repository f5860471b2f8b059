/**
 * Writes lib/api/schema.d.ts and lib/api/limits.ts from openapi.json. Given the service's URL (API_URL), fetches the
 * document first:
 *   API_URL=http://localhost:8000 npm run api:types
 */
import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const DOCUMENT = "openapi.json";
const TYPES = "lib/api/schema.d.ts";
const LIMITS = "lib/api/limits.ts";
const BANNER = "// Written by `npm run api:types` from openapi.json: edit neither by hand.\n\n";

/** @param {unknown} document */
export async function typesOf(document) {
  // A copy: the generator annotates what it is given.
  const copy = /** @type {any} the generator takes any parsed document */ (structuredClone(document));
  // A field with a default may be left out of a request.
  return BANNER + astToString(await openapiTS(copy, { defaultNonNullable: false }));
}

/**
 * The longest text that each member of a new task may have, in characters.
 * @param {any} document any parsed OpenAPI document
 */
export function limitsOf(document) {
  const members = Object.entries(document.components.schemas.TaskInput.properties);
  const lines = members.flatMap(([name, /** @type {any} a JSON schema */ schema]) => {
    const most = [schema, ...(schema.anyOf ?? [])].find(({ maxLength }) => maxLength)?.maxLength;
    return most ? [`  ${name}: ${most},`] : [];
  });
  return `${BANNER}/** The most characters that the service takes. */\nexport const LIMITS = {\n${lines.join("\n")}\n} as const;\n`;
}

if (process.argv[1] === import.meta.filename) {
  const api = process.env.API_URL;
  if (api) {
    const response = await fetch(`${api}/openapi.json`);
    if (!response.ok) throw new Error(`${api}/openapi.json answered ${response.status}`);
    writeFileSync(DOCUMENT, `${JSON.stringify(await response.json(), null, 2)}\n`);
  }
  const document = JSON.parse(readFileSync(DOCUMENT, "utf8"));
  writeFileSync(TYPES, await typesOf(document));
  writeFileSync(LIMITS, limitsOf(document));
}
