"""`rollback_move`: take a tenant back to where it came from."""

from argparse import ArgumentParser
from typing import Any

from sharding.moves.types import MoveReceipt
from tenants.edge import progress_of
from tenants.moving import arguments, services
from tenants.moving.command import MoveCommand


class Command(MoveCommand):
    help = (
        "Take a tenant whose move soaks back to the shard that it came from, with all that it has "
        "written since. It pauses as on the way there. The way is open in the other direction "
        "then: the same command goes it, `finish_move` ends it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--max-pause",
            type=arguments.pause,
            metavar="MS",
            help="writes pause for so long at most (default: as on the way there)",
        )

    def act(self, name: str, options: dict[str, Any]) -> MoveReceipt:
        return services.roll_back(name, max_pause=options["max_pause"], tell=progress_of(self))
