"""What people may call themselves and their workspace: names stand in mails to strangers.

Subject and sender of an invitation hold free text. What a mail program would make a link of there
would be anybody's advertisement, sent by us.
"""

import re
import unicodedata
from typing import Final

NO_ADDRESS: Final = (
    "A name has no address in it: no link, none of @ < > and \\, and a space after each full stop."
)

_LINK_LIKE: Final = re.compile(
    r"""
    [@\\<>]
    | //
    | :\S                      # mailto:x, tel:1
    | www\.
    | \w[.\u3002][^\W\d_]{2}    # word.tld; an initial or a version is none
    | \d+\.\d+\.\d+\.\d
    """,
    re.IGNORECASE | re.VERBOSE,
)


def looks_like_an_address(name: str) -> bool:
    """Whether there is anything in `name` that mail programs might make a link of."""
    # Full stops of other widths look like ours, and some programs take them for it.
    return _LINK_LIKE.search(unicodedata.normalize("NFKC", name)) is not None
