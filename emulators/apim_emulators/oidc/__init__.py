"""The cluster's service-account issuer: keys, rotation, TokenRequest, discovery, JWKS."""
