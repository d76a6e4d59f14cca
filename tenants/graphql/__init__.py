"""The shop and its channels over GraphQL, and what every type of a shop shares: context, metadata, languages."""
