"""The catalogue over GraphQL, in the dialect of storefronts: types by topic, `schema.Query` gathers the root."""
