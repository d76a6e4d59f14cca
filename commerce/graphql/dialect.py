"""The dialect that the schema speaks."""

SCHEMA_VERSION = "3.23"
VERSION = f"{SCHEMA_VERSION}.0"
