"""None: what the migrations of a test make is all there is."""
