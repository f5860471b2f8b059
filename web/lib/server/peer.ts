/** The name under which our own server passes on the address of whoever connected (see server/peer.mjs). */
export const PEER_HEADER = "x-taskward-peer";
