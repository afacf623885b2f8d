"""The operators' host; today one page that points to the commands."""
