import { currentSession } from "@/lib/server/session";
export default async function P() { const s = await currentSession(); return <p>{s.state}</p>; }
