"""The product, as members of three tenants see it."""
