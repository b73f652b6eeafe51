// A tiny app in a pod: who does Microsoft Entra say that I am? @azure/identity, nothing of the sandbox.
import { WorkloadIdentityCredential } from "@azure/identity";

export async function whoAmI() {
  const { token } = await new WorkloadIdentityCredential().getToken("https://azure-api.net/configuration/.default");
  const { appid, aud, tid } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
  return { appid, aud, tid };
}
