"""What to do instead, by rule. The names are squawk's where squawk knows the rule."""

from typing import Final

CONTRACT_LATER: Final = (
    "Expand and contract: release code that no longer uses it, then take it away in the release "
    "after that one. For a field of the state only, SeparateDatabaseAndState."
)
RENAME_BY_COPY: Final = (
    "Expand and contract: add the new one, write both, copy in batches, read the new one, take the "
    "old one away a release later. To change the name in Python only, keep db_column or db_table."
)

RECIPES: Final[dict[str, str]] = {
    # What the database does.
    "require-concurrent-index-creation": (
        "AddIndexConcurrently of django.contrib.postgres, in a migration of its own with "
        "`atomic = False`. It is built in each schema by itself, and a build that was cut off is "
        "seen."
    ),
    "require-concurrent-index-deletion": (
        "RemoveIndexConcurrently of django.contrib.postgres, in a migration of its own with "
        "`atomic = False`."
    ),
    "constraint-missing-not-valid": (
        "AddConstraintNotValid of django.contrib.postgres, and ValidateConstraint in the next "
        "migration: the scan then stops nobody from writing."
    ),
    "adding-foreign-key-constraint": (
        "Add the column with db_constraint=False, and the constraint NOT VALID by RunSQL; validate "
        "it in the next migration."
    ),
    "disallowed-unique-constraint": (
        "Build a unique index CONCURRENTLY in a migration of its own with `atomic = False`, then "
        "add the constraint USING that index by RunSQL."
    ),
    "changing-column-type": RENAME_BY_COPY,
    "adding-not-nullable-field": (
        "A check NOT VALID that it is not null, validated in the next migration; then SET NOT NULL "
        "finds nothing to scan."
    ),
    "adding-field-with-default": (
        "A default that is a constant costs nothing. One that is worked out per row rewrites the "
        "table: add the column without, fill it in batches, set the default afterwards."
    ),
    "adding-required-field": "Give it a db_default, or allow NULL and fill it in batches.",
    "renaming-column": RENAME_BY_COPY,
    "renaming-table": RENAME_BY_COPY,
    "ban-drop-column": CONTRACT_LATER,
    "ban-drop-table": CONTRACT_LATER,
    "ban-drop-not-null": (
        "The release that runs may not expect NULL: release code that does, first."
    ),
    # What the release that is running does, and what Django does.
    "old-code-writes": (
        "The release that runs does not know the column, and its INSERTs leave it out. Say "
        "db_default= (the database fills it in), or null=True until the next release."
    ),
    "default-for-all": (
        "db_default= with an expression of the database (Now(), RandomUUID()), or null=True and a "
        "RunPython in a migration of its own that fills it row by row. Such a migration is never "
        "replayed: it runs in each schema by itself."
    ),
    "code-with-structure": (
        "Split it: structure in one migration, RunPython or RunSQL in the next. What structure "
        "locks stays locked until the code is through, and rows whose checks are deferred take no "
        "ALTER TABLE (55006)."
    ),
}
