"""The whole product on this machine, and the check that it serves two tenants apart."""
