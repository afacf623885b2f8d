"""What a fleet migration refuses.

MigrationToolsError
└── FleetError
    ├── FleetBusy
    ├── FleetPaused
    ├── NothingToResume
    ├── InvalidWaves
    ├── InvalidBudget
    ├── CanaryUnfit
    └── UnknownSchemas
"""

from collections.abc import Collection, Mapping

from migrations_tools.errors import MigrationToolsError


class FleetError(MigrationToolsError):
    """A fleet migration cannot be made, or not as asked."""

    code = "fleet"


class FleetBusy(FleetError):
    """Another fleet migration is under way."""

    code = "fleet.busy"
    retryable = True

    def __init__(self, who: str) -> None:
        self.who = who
        super().__init__(
            f"Another fleet migration is under way: {who}. Nothing was changed. "
            "`manage.py fleet_status` shows how far it is; when its process ends, however it does, "
            "the next one can begin."
        )


class FleetPaused(FleetError):
    """A fleet migration stopped before its end."""

    code = "fleet.paused"
    retryable = True

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(
            f"Stopped: {why} What is migrated stays so, and no schema is half done. Mend the "
            "cause, then: manage.py migrate_fleet --resume"
        )


class NothingToResume(FleetError):
    """There is no fleet migration that was stopped or cut off."""

    code = "fleet.nothing_to_resume"

    def __init__(self) -> None:
        super().__init__(
            "No fleet migration was stopped, cut off or left schemas behind. Without --resume a "
            "new one begins."
        )


class InvalidWaves(FleetError):
    """The waves make no sense."""

    code = "fleet.invalid_waves"

    def __init__(self, text: str, why: str) -> None:
        self.text = text
        super().__init__(
            f"--waves {text!r}: {why}. Give rising shares of the fleet that end with all of it, "
            "such as 1%,10%,100%."
        )


class InvalidBudget(FleetError):
    """The error budget makes no sense."""

    code = "fleet.invalid_budget"

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(
            f"--error-budget {text!r}: give how many schemas may fail before the run stops, as a "
            "number (10) or as a share of those to be migrated (2%)."
        )


class CanaryUnfit(FleetError):
    """A tenant that was named as canary cannot be taken, so that nobody would go first."""

    code = "fleet.canary_unfit"

    def __init__(self, why: Mapping[str, str]) -> None:
        self.names = tuple(sorted(why))
        told = ", ".join(f"{name} ({why[name]})" for name in self.names)
        super().__init__(
            f"--canary names who cannot go first: {told}. No schema was touched. Name another one, "
            "wait, or say --no-canary."
        )


class UnknownSchemas(FleetError):
    """Somebody named tenants or shards that are not there."""

    code = "fleet.unknown"

    def __init__(self, what: str, names: Collection[str], hint: str) -> None:
        self.names = tuple(sorted(names))
        super().__init__(f"No such {what}: {', '.join(self.names)}. Nothing was changed. {hint}")
