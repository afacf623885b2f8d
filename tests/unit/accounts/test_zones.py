"""Which time zones can be chosen."""

from accounts.zones import zones_offered


def names(**options: str) -> list[str]:
    return [name for _, zones in zones_offered(**options) for name, _ in zones]


def test_zones_are_offered_once_each_by_continent_with_utc_first():
    offered = names()
    assert offered[0] == "UTC"
    assert len(offered) == len(set(offered)) > 300
    assert dict(dict(zones_offered())["America"])["America/Argentina/Buenos_Aires"] == (
        "Argentina/Buenos Aires"
    )


def test_names_for_old_programs_are_offered_to_whoever_has_chosen_one_and_to_nobody_else():
    assert not [name for name in names() if name.startswith(("Etc/", "US/"))]
    assert set(names(chosen="US/Pacific")) - set(names()) == {"US/Pacific"}
    assert names(chosen="UTC") == names(chosen="Europe/Berlin") == names(chosen="") == names()
