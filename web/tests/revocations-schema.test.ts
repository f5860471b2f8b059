import { expect, it } from "vitest";
import { revocationsSchema } from "@/lib/server/revocations/schema";

it("is in schema.sql word for word, where the service's tests take it from (vitest -u writes it)", async () => {
  await expect(revocationsSchema(true)).toMatchFileSnapshot("../lib/server/revocations/schema.sql");
});
