"""From the tables that a shard has to those of a snapshot: what is planned, without a server."""

import pytest
from psycopg import sql

from sharding.schemas.errors import ReferenceKeyChanged
from sharding.schemas.services.reference_shape import Column, Key, Table, plan_changes

CODE = Column("code", "character varying(2)", required=True)
NAME = Column("name", "text", required=True)
PRIMARY = Key("ref_country_pkey", primary=True, columns=("code",))
UNIQUE = Key("ref_country_name_key", primary=False, columns=("name",))
COUNTRY = Table("ref_country", (CODE, NAME), (PRIMARY,))


def planned(have, want):
    changes = plan_changes(have, want)
    return [[text(one) for one in part] for part in (changes.before, changes.after)]


def text(statement: sql.Composed) -> str:
    return statement.as_string(None)


def country(*columns, keys=(PRIMARY,)):
    return (Table("ref_country", columns, keys),)


def test_nothing_is_planned_where_nothing_differs():
    assert planned((COUNTRY,), (COUNTRY,)) == [[], []]


def test_a_new_table_is_made_whole_before_its_rows_come():
    whole = (
        'CREATE TABLE "reference"."ref_country" ("code" character varying(2) NOT NULL, '
        '"name" text NOT NULL, CONSTRAINT "ref_country_pkey" PRIMARY KEY ("code"), '
        'CONSTRAINT "ref_country_name_key" UNIQUE ("name"))'
    )
    assert planned((), country(CODE, NAME, keys=(PRIMARY, UNIQUE))) == [[whole], []]


def test_a_table_that_is_gone_goes_last_and_never_with_what_refers_to_it():
    before, after = planned((COUNTRY,), ())
    assert (before, after) == ([], ['DROP TABLE "reference"."ref_country"'])
    assert "CASCADE" not in str(after)


def test_a_required_column_comes_empty_is_filled_and_is_required_then():
    region = Column("region", "text", required=True)
    on = 'ALTER TABLE "reference"."ref_country" '
    assert planned((COUNTRY,), country(CODE, NAME, region)) == [
        [f'{on}ADD COLUMN "region" text'],
        [f'{on}ALTER COLUMN "region" SET NOT NULL'],
    ]


def test_a_column_that_is_gone_is_loosened_before_rows_are_written_without_it():
    on = 'ALTER TABLE "reference"."ref_country" '
    assert planned((COUNTRY,), country(CODE)) == [
        [f'{on}ALTER COLUMN "name" DROP NOT NULL'],
        [f'{on}DROP COLUMN "name"'],
    ]


def test_types_and_unique_keys_follow():
    on = 'ALTER TABLE "reference"."ref_country" '
    longer = Column("code", "character varying(3)", required=True)
    loose = Column("name", "text", required=False)
    assert planned((COUNTRY,), country(longer, loose, keys=(PRIMARY, UNIQUE))) == [
        [
            f'{on}ALTER COLUMN "code" TYPE character varying(3) USING "code"::character varying(3)',
            f'{on}ALTER COLUMN "name" DROP NOT NULL',
        ],
        [f'{on}ADD CONSTRAINT "ref_country_name_key" UNIQUE ("name")'],
    ]
    assert planned(country(CODE, NAME, keys=(PRIMARY, UNIQUE)), (COUNTRY,)) == [
        [f'{on}DROP CONSTRAINT "ref_country_name_key"'],
        [],
    ]


def test_a_key_never_changes():
    other = Key("ref_country_pkey", primary=True, columns=("name",))
    with pytest.raises(ReferenceKeyChanged, match=r"was \(code\) and is \(name\)"):
        plan_changes((COUNTRY,), country(CODE, NAME, keys=(other,)))


def test_tables_survive_the_way_through_json():
    table = Table("ref_country", (CODE, NAME), (PRIMARY, UNIQUE))
    assert Table.from_json(table.to_json()) == table
