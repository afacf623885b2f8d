"""Whoever reads a plan finds each of its words explained."""

import re

from config import env
from sharding.rebalance.core.plans import Why, WhyNot

PAGE = env.ROOT / "docs" / "how-to" / "rebalance.md"


def test_every_reason_stands_on_the_page_and_no_other() -> None:
    _, _, section = PAGE.read_text("utf-8").partition("\n## Reasons\n")
    tables = section.partition("\n## ")[0].split("| reason |")
    made, left = (re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) for table in tables[1:])
    assert made == [str(each) for each in Why]
    assert left == [str(each) for each in WhyNot]
