"""Preparing servers, tenant schemas and their furniture, on real servers."""
