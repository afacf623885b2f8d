"""What is done with adopted schemas, in a Django whose tenants' apps are those of the old one."""
