"""The catalogue for back offices: `/api/v1/` (docs/rest.md)."""
