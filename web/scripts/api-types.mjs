/**
 * Writes lib/api/schema.d.ts from openapi.json. Given the service's address (API_URL), fetches the document first:
 *   API_URL=http://localhost:8000 npm run api:types
 */
import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const DOCUMENT = "openapi.json";
const TYPES = "lib/api/schema.d.ts";
const BANNER = "// Written by `npm run api:types` from openapi.json: edit neither by hand.\n\n";

/** @param {unknown} document */
export async function typesOf(document) {
  // A copy: the generator annotates what it is given.
  const copy = /** @type {any} the generator takes any parsed document */ (structuredClone(document));
  // A field with a default may be left out of a request.
  return BANNER + astToString(await openapiTS(copy, { defaultNonNullable: false }));
}

if (process.argv[1] === import.meta.filename) {
  const api = process.env.API_URL;
  if (api) {
    const response = await fetch(`${api}/openapi.json`);
    if (!response.ok) throw new Error(`${api}/openapi.json answered ${response.status}`);
    writeFileSync(DOCUMENT, `${JSON.stringify(await response.json(), null, 2)}\n`);
  }
  writeFileSync(TYPES, await typesOf(JSON.parse(readFileSync(DOCUMENT, "utf8"))));
}
