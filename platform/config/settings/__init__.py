"""One module per place the product runs in: dev, test, prod; base is what they share."""
