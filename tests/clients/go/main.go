// An unmodified program: what any team would write. Prints the access token as JSON.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

func main() {
	credential, err := azidentity.NewWorkloadIdentityCredential(nil)
	if err != nil {
		log.Fatal(err)
	}
	options := policy.TokenRequestOptions{Scopes: []string{"https://azure-api.net/configuration/.default"}}
	answer, err := credential.GetToken(context.Background(), options)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"token": answer.Token}); err != nil {
		log.Fatal(err)
	}
}
