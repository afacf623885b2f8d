"""The engine of the control database: plain, with an address from the registry."""
