"""The product as it is deployed: gunicorn, nginx, health, figures."""
