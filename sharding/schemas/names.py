"""Names that every shard shares. Schema and role of a tenant are its id; these are the others."""

from typing import Final

SUPPORT: Final = "atoll"
"""Schema of our own tables and of the guard function."""

REFERENCE: Final = "reference"
"""Schema of the read-only copies of reference tables."""

EXTENSIONS: Final = "extensions"
"""Schema that holds extensions, in every tenant's search_path."""

REFERENCE_OWNER: Final = "refown"
"""Owns `reference`, so that not even owner sessions write there by mistake."""

WRITE_PERMIT: Final = "write_permit"
"""Marker table of a tenant schema: its role may write while it holds REFERENCES on it."""

HEARTBEAT: Final = "heartbeat"
"""Two rows that streams carry, one per direction. No guard, and nothing for the tenant."""

GUARD: Final = "zz_atoll_guard"
"""The guard trigger on each table. Triggers fire by name; this one is the last to be asked."""
