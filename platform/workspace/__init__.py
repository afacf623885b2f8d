"""The product that each tenant gets; small, to be replaced by an adopter's own."""
