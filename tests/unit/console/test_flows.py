"""A plan as a picture: where everything is in it."""

from typing import Any

import pytest

from console.services.flows import picture_of

USE = {"bytes": 0.5, "load": 0.1, "tenants": 0.2}


def plan(*moves: tuple[str, str, int], **shards: tuple[float, float]) -> dict[str, Any]:
    return {
        "shards": {
            name: {"use_before": {**USE, "load": before}, "use_after": {**USE, "load": after}}
            for name, (before, after) in shards.items()
        },
        "steps": [
            {"source": source, "target": target, "bytes": size} for source, target, size in moves
        ],
    }


def test_bars_are_of_what_a_shard_has_most_of_and_end_where_it_is_full() -> None:
    alpha, beta = picture_of(plan(beta=(0.2, 0.6), alpha=(1.4, 0.9))).shards
    assert (alpha.before, alpha.after, beta.before, beta.after) == (1.4, 0.9, 0.5, 0.6)
    assert alpha.before_width == picture_of(plan(a=(1.0, 0))).shards[0].before_width
    assert beta.before_width < beta.after_width < alpha.before_width


@pytest.mark.parametrize(
    ("dimension", "part", "too_full"),
    [
        ("bytes", 0.91, True),
        ("load", 0.91, True),
        ("load", 0.9, False),
        ("load", 0.1 + 0.8, False),
        # Up to all that its server bears.
        ("tenants", 1.0, False),
        ("tenants", 1.01, True),
    ],
)
def test_a_shard_is_too_full_when_it_has_more_than_any_may_have(
    dimension: str, part: float, too_full: bool
) -> None:
    use = {"use_before": USE, "use_after": {**USE, dimension: part}}
    (shard,) = picture_of({"shards": {"alpha": use}}).shards
    assert (shard.is_full_before, shard.is_full_after) == (False, too_full)


def test_moves_between_two_shards_are_one_line_as_thick_as_their_bytes() -> None:
    moves = [("alpha", "beta", 30), ("alpha", "beta", 10), ("gamma", "beta", 4)]
    wide, thin = picture_of(plan(*moves, alpha=(0, 0), beta=(0, 0), gamma=(0, 0))).flows
    assert (wide.source, wide.target, wide.tenants, wide.bytes) == ("alpha", "beta", 2, 40)
    assert (thin.source, thin.tenants) == ("gamma", 1)
    assert wide.thick > 4 * thin.thick


def test_a_long_name_is_cut_where_the_picture_ends() -> None:
    (short, long_one) = picture_of(plan(alpha=(0, 0), eu_central_production=(0, 0))).shards
    assert short.short == "alpha"
    assert (long_one.short, long_one.name) == ("eu_central_p…", "eu_central_production")
