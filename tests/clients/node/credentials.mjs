// An unmodified program: @azure/identity's credentials as any team would use them.
// Prints the access token as JSON. Argument: which credential.
import { readFile } from "node:fs/promises";
import {
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  DefaultAzureCredential,
  WorkloadIdentityCredential,
} from "@azure/identity";

const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE } = process.env;
const { CLIENT_CERTIFICATE, CLIENT_SECRET } = process.env;
const assertion = () => readFile(AZURE_FEDERATED_TOKEN_FILE, "utf8");
const credential = {
  "workload-identity": () => new WorkloadIdentityCredential(),
  default: () => new DefaultAzureCredential(),
  assertion: () => new ClientAssertionCredential(AZURE_TENANT_ID, AZURE_CLIENT_ID, assertion),
  certificate: () => new ClientCertificateCredential(AZURE_TENANT_ID, AZURE_CLIENT_ID, CLIENT_CERTIFICATE),
  secret: () => new ClientSecretCredential(AZURE_TENANT_ID, AZURE_CLIENT_ID, CLIENT_SECRET),
}[process.argv[2]]();
const answer = await credential.getToken("https://azure-api.net/configuration/.default");
console.log(JSON.stringify({ token: answer.token }));
