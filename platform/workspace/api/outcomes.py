"""Which problems an operation can have, for its document: sets of statuses to be put together."""

from typing import Final

ANY: Final = frozenset({401, 403, 429, 500, 503})
OF_WHAT_IS_ASKED: Final = frozenset({422})
OF_ONE: Final = frozenset({404})
OF_A_BODY: Final = frozenset({400, 413, 415, 422})
CLASHING: Final = frozenset({409})
