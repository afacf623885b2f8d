"""What is asked of the tree: pure functions from a folder to its breaches."""
