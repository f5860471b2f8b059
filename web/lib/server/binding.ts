/** Binds a token to the key of the client that asks for it with a DPoP proof (RFC 9449). */
import { tryGetCurrentAuthEndpointContext } from "@better-auth/core/context";
import { APIError } from "better-auth/api";
import { verifyDpopProof } from "better-auth/oauth2";
import { settings } from "./settings";

/**
 * How far the time of a proof for `/token` may be from now, in seconds, before or after. The session's cookie is what is
 * asked for there; an old proof only binds the token to a key that its sender may not have. So the page's clock may be
 * wrong: the token it gets tells it the time.
 */
const PROOF_AGE_S = 365 * 24 * 60 * 60;

export interface Confirmation {
  cnf?: { jkt: string };
}

/** Empty without a proof. Raises a 400 for one that does not hold: a token that is not bound was not asked for. */
export async function confirmation(): Promise<Confirmation> {
  const proofJwt = tryGetCurrentAuthEndpointContext()?.headers?.get("dpop");
  if (!proofJwt) return {};
  try {
    const { jkt } = await verifyDpopProof({
      proofJwt,
      method: "GET",
      url: `${settings().origin}/api/auth/token`,
      // The library refuses any proof of later than this, and counts the age from it.
      nowSeconds: Math.floor(Date.now() / 1000) + PROOF_AGE_S,
      proofMaxAgeSeconds: 2 * PROOF_AGE_S,
    });
    return { cnf: { jkt } };
  } catch {
    throw new APIError("BAD_REQUEST", {
      code: "INVALID_DPOP_PROOF",
      message: "The DPoP proof does not hold",
    });
  }
}
