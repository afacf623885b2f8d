"""What `manage.py devstack` does."""
