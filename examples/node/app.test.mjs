import assert from "node:assert/strict";
import { test } from "node:test";

import { whoAmI } from "./app.mjs";

test("the pod signs in as the gateway's application", async () => {
  assert.deepEqual(await whoAmI(), {
    appid: process.env.AZURE_CLIENT_ID,
    aud: "https://azure-api.net/configuration",
    tid: process.env.AZURE_TENANT_ID,
  });
});
