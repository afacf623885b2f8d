"""The check of migrations, on a real server and with the real squawk."""
