"""Full-text search: what products are found by, in every language of the shop.

`words` makes words of text, `stems` the words of a language alike, `documents` writes what a product is found by,
`pending` remembers what is to be written, `vocabulary` forgives typing errors, `query` makes conditions of what
somebody typed, and `facets` and `suggestions` answer beside the results. docs/search.md has the whole picture.
"""
