"""The test kit for adopters: a pytest plugin on pytest-django. No product code imports it."""
