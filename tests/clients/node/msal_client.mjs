// An unmodified program: @azure/msal-node as any team would use it. Prints the access token as JSON.
// It calls fetch, which knows HTTPS_PROXY from Node 24 on (NODE_USE_ENV_PROXY); before that see proxy.mjs.
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { ConfidentialClientApplication } from "@azure/msal-node";

const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE } = process.env;
const { CLIENT_CERTIFICATE, CLIENT_SECRET } = process.env;
function certificate() {
  const pem = readFileSync(CLIENT_CERTIFICATE, "utf8");
  const thumbprint = createHash("sha256").update(new X509Certificate(pem).raw).digest("hex");
  return { privateKey: pem, thumbprintSha256: thumbprint };
}
const credential = {
  assertion: () => ({ clientAssertion: readFileSync(AZURE_FEDERATED_TOKEN_FILE, "utf8") }),
  certificate: () => ({ clientCertificate: certificate() }),
  secret: () => ({ clientSecret: CLIENT_SECRET }),
}[process.argv[2]]();
const authority = `https://login.microsoftonline.com/${AZURE_TENANT_ID}`;
const application = new ConfidentialClientApplication({
  auth: { clientId: AZURE_CLIENT_ID, authority, ...credential },
});
const scopes = ["https://azure-api.net/configuration/.default"];
const answer = await application.acquireTokenByClientCredential({ scopes });
console.log(JSON.stringify({ token: answer.accessToken }));
