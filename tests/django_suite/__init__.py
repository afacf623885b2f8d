"""Django's own test suite, on our backend in a tenant's scope, against the stock backend."""
