/** How long a token is believed. */

/** Seconds from `iat` to `exp` of every token that Better Auth signs here. */
export const TOKEN_LIFE_S = 15 * 60;

/**
 * Seconds that a revocation outlives the tokens it ends: the service's largest JWT_LEEWAY (300), and clocks that are
 * up to 5 minutes apart. A revocation that went first would bring its tokens back to life.
 */
export const REVOCATION_LEEWAY_S = 600;
