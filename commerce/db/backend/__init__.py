"""Django database backend `commerce.db.backend`: PostgreSQL with tenants."""
