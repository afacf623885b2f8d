"""`createcachetable`: refused."""

from tenants.replaced_commands import RefusedCommand


class Command(RefusedCommand):
    help = "Refused: caches are in Redis."
    why = "It would make its table nowhere, without a word: shards take no tables from here."
    instead = "Caches are in Redis (CACHES)."
