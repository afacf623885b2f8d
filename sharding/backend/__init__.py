"""Django's database backend: a statement carries its tenant, `default` follows the scope."""
