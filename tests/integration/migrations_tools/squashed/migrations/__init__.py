"""Two migrations, and the one that replaces them."""
