// An unmodified program: what any team would write. Prints the access token as JSON.
import { WorkloadIdentityCredential } from "@azure/identity";

const credential = new WorkloadIdentityCredential();
const answer = await credential.getToken("https://azure-api.net/configuration/.default");
console.log(JSON.stringify({ token: answer.token }));
