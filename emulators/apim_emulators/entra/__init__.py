"""Microsoft Entra: the directory, the token endpoint with its verdict on assertions, and Microsoft Graph."""
