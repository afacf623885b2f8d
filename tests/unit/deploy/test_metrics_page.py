"""docs/reference/metrics.md tells every metric, and no label can name a tenant."""

import subprocess
import sys

import pytest

from config import env
from config.observability.metrics import described

PAGE = env.ROOT / "docs" / "reference" / "metrics.md"
BOUNDED = {"shard", "server", "method", "status", "state", "queue", "reason", "outcome"}
"""Labels with a handful of values, whoever visits."""


@pytest.mark.parametrize("metric", [*described()], ids=lambda metric: metric[0])
def test_a_metric_is_told_with_its_labels_and_meaning(metric):
    name, kind, labels, meaning = metric
    told = ", ".join(f"`{label}`" for label in labels)
    assert f"| `{name}` | {kind} | {told} | {meaning} |" in PAGE.read_text().splitlines()


def test_the_page_is_what_the_code_says_now():
    ended = subprocess.run(
        (sys.executable, "tools/reference.py", "metrics.md"),
        cwd=env.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_labels_have_few_values():
    assert {label for _, _, labels, _ in described() for label in labels} <= BOUNDED


def test_the_alarms_name_metrics_that_there_are():
    alarms = PAGE.read_text().partition("## Worth an alarm")[2]
    names = {name for name, *_ in described()}
    found = [
        word for word in alarms.replace("(", " ").replace("[", " ").split() if "atoll_" in word
    ]
    assert len(found) >= 6
    for word in found:
        assert word.strip("`)").partition("{")[0] in names
