"""Places that break a rule rightly, each with its reason.

Keyed by rule, then by "path owner" (the class and function that the place stands in). An entry
that no longer matches anything fails the test, so that the lists shrink when the code does.
"""

from typing import Final

ALLOWED: Final[dict[str, dict[str, str]]] = {
    "sql_put_together": {},
    "init_files_hold_a_docstring": {
        f"tests/benchmarks/fleet/release_{number}/__init__.py holds more than a docstring": (
            "Django finds migrations in a package's path: a release has those of the one before."
        )
        for number in (2, 3)
    },
    "shard_alias_named": {
        "migrations_tools/execution.py _send": (
            "Django's signals of a migration say which database they are about: this one's."
        ),
        "tenants/testing/cases.py _block_on": (
            "The test kit undoes what a test did on every shard, not in the scope's alone."
        ),
        "tenants/testing/cases.py _rollback_atomics.roll_back": "As above: the other end of it.",
    },
    "catalogue_is_asked_by_an_index": {
        **{
            f"{path} reads a whole catalogue": "Asked when a person has a schema adopted, once."
            for path in (
                "sharding/schemas/services/take_schema.py",
                "tenants/adoption/services/likeness.py",
                "tenants/adoption/services/shared_rows.py",
                "tenants/adoption/services/survey.py",
                "tenants/adoption/services/take_over.py",
            )
        },
        "sharding/rebalance/services/sampling.py reads a whole catalogue": (
            "It asks for all schemas of a shard at once, every few minutes."
        ),
        "sharding/schemas/services/reference_shape.py reads a whole catalogue": (
            "Asked when the reference tables change, once for each shard."
        ),
        "tenants/testing/seeds.py reads a whole catalogue": (
            "The test kit's servers hold a handful of schemas."
        ),
    },
    "broad_excepts": {
        "migrations_tools/fleet/stepping.py Lane.step": (
            "A loop over schemas: whatever a migration's own code raises in one, the next has its "
            "turn, within the error budget."
        ),
        "sharding/placements/services/processes.py _tell_listeners": (
            "A loop at a process's edge: one listener that fails must not keep the others deaf."
        ),
        "sharding/pools/breaking/watcher.py Watcher._ask": (
            "A loop at a thread's edge: if it ended here, a server would stay suspected for ever."
        ),
        "tenants/management/commands/all_tenants_command.py Command._run_for": (
            "A loop at a program's edge: whatever one tenant meets, the next has its turn."
        ),
        "tenants/outbox/services/drain.py _deliver": (
            "A loop at a worker's edge: whatever one handler raises, the other topics go on."
        ),
    },
    "late_imports": {
        "tenants/services/steps.py run_steps": (
            "TENANT_PROVISION_STEPS, TENANT_ARRIVAL_STEPS, TENANT_PURGE_STEPS: adopters hook in by "
            "dotted path; that is the seam's purpose."
        ),
        "routers/checks.py check_router": (
            "DATABASE_ROUTERS is a list of dotted paths; the check looks at what Django would use."
        ),
        "tenants/checks.py named": (
            "Django's settings name classes by dotted path; the checks look at what they name."
        ),
        "migrations_tools/replay/shared.py _rendered": (
            "The model of a historical state has no import; the state is asked for it by name."
        ),
        "routers/homes.py home_of_label": (
            "Django asks a router by label and name; what is looked up is asked for its home only."
        ),
        "routers/homes.py _home_of_historical": (
            "A migration's historical model has the home of the real one of the same name."
        ),
        "tenants/catalog/services/retire.py find_reference_model": (
            "A person names the model on a command line; its home is asked before it is used."
        ),
        "platform/accounts/tasks.py clear_sessions": (
            "SESSION_ENGINE is a dotted path by Django's own design; Django imports it so too."
        ),
    },
}
