"""As release two, and rows are changed by Python code."""
