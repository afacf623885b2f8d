"""One server down, under load: whom it hurts, for how long, and what comes after."""
