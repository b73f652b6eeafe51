// An unmodified program: azidentity's credentials as any team would use them.
// Prints the access token as JSON. Argument: which credential.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

func credential(name string) (azcore.TokenCredential, error) {
	tenant, client := os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID")
	switch name {
	case "workload-identity":
		return azidentity.NewWorkloadIdentityCredential(nil)
	case "default":
		return azidentity.NewDefaultAzureCredential(nil)
	case "assertion":
		read := func(context.Context) (string, error) {
			token, err := os.ReadFile(os.Getenv("AZURE_FEDERATED_TOKEN_FILE"))
			return string(token), err
		}
		return azidentity.NewClientAssertionCredential(tenant, client, read, nil)
	case "certificate":
		pem, err := os.ReadFile(os.Getenv("CLIENT_CERTIFICATE"))
		if err != nil {
			return nil, err
		}
		certificates, key, err := azidentity.ParseCertificates(pem, nil)
		if err != nil {
			return nil, err
		}
		return azidentity.NewClientCertificateCredential(tenant, client, certificates, key, nil)
	case "secret":
		return azidentity.NewClientSecretCredential(tenant, client, os.Getenv("CLIENT_SECRET"), nil)
	}
	return nil, fmt.Errorf("no credential is called %q", name)
}

func main() {
	chosen, err := credential(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	options := policy.TokenRequestOptions{Scopes: []string{"https://azure-api.net/configuration/.default"}}
	answer, err := chosen.GetToken(context.Background(), options)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"token": answer.Token}); err != nil {
		log.Fatal(err)
	}
}
