"""The admin's pages of staff, permission groups, apps and channels, and of long jobs."""

from tenants.admin.apps import AppAdmin, AppInstallationAdmin
from tenants.admin.channels import ChannelAdmin
from tenants.admin.jobs import JobAdmin
from tenants.admin.languages import LanguageChainAdmin
from tenants.admin.people import PermissionGroupAdmin, StaffAdmin

__all__ = [
    "AppAdmin",
    "AppInstallationAdmin",
    "ChannelAdmin",
    "JobAdmin",
    "LanguageChainAdmin",
    "PermissionGroupAdmin",
    "StaffAdmin",
]
