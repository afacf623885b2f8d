"""What each management command means where data is on several shards.

Every command of every installed app stands here; a test asks for it. A new one is looked at first.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class CommandVerdict(StrEnum):
    """What a command works on."""

    NO_DATA = "no data"
    """No database, or only what Django knows of models and migrations."""

    CONTROL = "control"
    """The control database, and shards through services that name them."""

    TENANT = "tenant"
    """The tenant in scope; without one it refuses and says `tenant_command`."""

    EITHER = "either"
    """Control without a scope, the tenant with one."""

    REFUSED = "refused"
    """Nothing: it says what does the job."""


_NAMES: Final[dict[CommandVerdict, str]] = {
    CommandVerdict.NO_DATA: (
        "check collectstatic compilemessages diffsettings findstatic makemessages makemigrations "
        "optimizemigration runserver sendtestemail shell simulate_rebalance squashmigrations "
        "startapp startproject"
    ),
    CommandVerdict.CONTROL: (
        "abort_move add_shard adopt_tenant all_tenants_command allocate_ids build_image "
        "cancel_sign_up change_plan "
        "drain_shard export_recording keep_apart pin_tenant rebalance_shards remove_shard "
        "set_shard_capacity shard_report undrain_shard unpin_tenant "
        "check_drift check_migrations check_pooler clone_tenant create_domain create_operator "
        "create_tenant create_tenants dbshell delete_domain delete_tenant demo demo_check "
        "devstack disable_operator drop_left_over export_tenant fleet_status give_global_ids "
        "hold_shard import_tenant list_moves list_operators list_shards list_sign_ups list_tenants "
        "make_spares mend_schema migrate migrate_fleet migrate_schemas move_tenant moves_doctor "
        "finish_move rollback_move "
        "open_restored_shard outbox_status pool_budget pooler promote_shard publish_reference "
        "purge_deleted reattach_tenant rebuild_known_addresses reference_status release_shard "
        "rename_tenant "
        "reset_operator_factor restore_tenant resume_move resume_tenant retire_reference "
        "retry_outbox retry_sign_up seal_backups seal_shard show_move show_tenant suspend_tenant "
        "tenant_command write_pgbouncer_config"
    ),
    CommandVerdict.TENANT: (
        "changepassword clearsessions createsuperuser dumpdata flush loaddata sqlsequencereset"
    ),
    CommandVerdict.EITHER: "inspectdb showmigrations sqlflush sqlmigrate",
    CommandVerdict.REFUSED: (
        "collectstatic_schemas create_missing_schemas create_tenant_superuser "
        "createcachetable remove_stale_contenttypes rename_schema test testserver"
    ),
}

VERDICTS: Final[Mapping[str, CommandVerdict]] = MappingProxyType(
    {name: verdict for verdict, names in _NAMES.items() for name in names.split()}
)
