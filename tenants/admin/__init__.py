"""The admin's pages of staff, permission groups and channels."""

from tenants.admin.channels import ChannelAdmin
from tenants.admin.people import PermissionGroupAdmin, StaffAdmin

__all__ = ["ChannelAdmin", "PermissionGroupAdmin", "StaffAdmin"]
