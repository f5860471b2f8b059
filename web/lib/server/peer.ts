/** The header in which our own server passes on the client IP (see server/peer.mjs). */
export const PEER_HEADER = "x-taskward-peer";

/** What one subscriber has: an IPv4 address, or the /64 of an IPv6 address, whose rest they choose as they like. */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const groups = (text: string) => text.split(":").filter(Boolean);
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0");
  return [...left, ...zeros, ...right]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":")
    .toLowerCase();
}
