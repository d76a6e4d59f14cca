"""Settings of the tests: those of the project, on the throw-away stack whose addresses are in the environment."""

from commerce.settings import *  # noqa: F403

ENVIRONMENT = "test"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
