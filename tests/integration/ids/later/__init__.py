"""The product with libraries that it got later, as an adopter would add them."""
