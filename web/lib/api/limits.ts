// Written by `npm run api:types` from openapi.json: edit neither by hand.

/** The most characters that the service takes. */
export const LIMITS = {
  title: 200,
  description: 5000,
} as const;
