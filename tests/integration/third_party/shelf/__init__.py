"""A small tenant app that uses the third-party apps as their manuals say."""
