"""The JSON API of a workspace, version 1: /api/v1/ on the tenant's host."""
