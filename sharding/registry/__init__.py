"""The addresses of the control database and of every shard.

No Django, no driver, no I/O but one file.
"""
