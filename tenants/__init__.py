"""Tenants, domains, channels, people and their permissions."""
