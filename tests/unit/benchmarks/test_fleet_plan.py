"""What `make bench-fleet ARGS=…` measures, and what it does not begin with."""

import pytest

from tests.benchmarks.fleet_plan import CURVE, PARTS, plan_of


def test_without_arguments_all_is_measured():
    plan = plan_of([])
    assert (plan.parts, plan.tenants, plan.quick) == (PARTS, 200, False)
    assert (plan.sizes, plan.sizes_15) == ((100, 1_000, 5_000), (100, 1_000))


def test_a_part_is_measured_alone():
    plan = plan_of(["--part", "curve", "--sizes", "5000", "--sizes-15"])
    assert (plan.parts, plan.sizes, plan.sizes_15) == ((CURVE,), (5_000,), ())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--part", "nothing"], "invalid choice"),
        (["--sizes", "10"], "--sizes takes numbers from 100 on"),
        (["--sizes-15", "100", "-1"], "--sizes-15"),
        (["--sizes", "many"], "invalid int value"),
        (["--tenants", "0"], "--tenants takes numbers from 2 on"),
        (["--flat", "1"], "--flat takes numbers from 5 on"),
        (["all"], "unrecognized arguments"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_begun(arguments, said, capsys):
    with pytest.raises(SystemExit) as ended:
        plan_of(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
