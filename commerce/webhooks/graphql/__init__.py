"""Apps and their webhooks over GraphQL."""
