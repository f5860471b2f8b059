/** Where the web client of the stack reads a client's IP from, as behind a proxy: every test has one of its own. */
export const PEER_HEADER = "X-Forwarded-For";
