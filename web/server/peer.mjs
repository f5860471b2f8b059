/** Whose connection this is: the socket's address, or what a trusted proxy says of it. */
import { BlockList, isIP } from "node:net";

export const PEER_HEADER = "x-taskward-peer";

/**
 * @param {string | undefined} listed comma-separated addresses and networks, e.g. "127.0.0.1, 10.0.0.0/8"
 * @returns {{ trusted: BlockList, problems: string[] }}
 */
export function readTrustedProxies(listed) {
  const trusted = new BlockList();
  /** @type {string[]} */
  const problems = [];
  for (const entry of (listed ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean)) {
    const [address = "", prefix] = entry.split("/");
    const family = isIP(address);
    const bits = prefix === undefined ? undefined : Number(prefix);
    if (
      !family ||
      (bits !== undefined && !(Number.isInteger(bits) && bits >= 0 && bits <= (family === 4 ? 32 : 128)))
    ) {
      problems.push(`WEB_TRUSTED_PROXIES: ${JSON.stringify(entry)} is not an address or a network`);
    } else if (bits === undefined) {
      trusted.addAddress(address, family === 4 ? "ipv4" : "ipv6");
    } else {
      trusted.addSubnet(address, bits, family === 4 ? "ipv4" : "ipv6");
    }
  }
  return { trusted, problems };
}

/** @param {string} address */
function plain(address) {
  return address.startsWith("::ffff:") && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}

/**
 * From the right, past every trusted hop, to the first address nobody of ours vouches for. The left end is the
 * client's own invention.
 * @param {string | undefined} socketAddress
 * @param {string | string[] | undefined} forwarded
 * @param {BlockList} trusted
 */
export function peerOf(socketAddress, forwarded, trusted) {
  let peer = plain(socketAddress ?? "0.0.0.0");
  const hops = String(forwarded ?? "")
    .split(",")
    .map((hop) => plain(hop.trim()))
    .filter(Boolean);
  while (hops.length > 0 && trusted.check(peer, isIP(peer) === 6 ? "ipv6" : "ipv4")) {
    const hop = hops.pop() ?? "";
    if (!isIP(hop)) break;
    peer = hop;
  }
  return peer;
}
