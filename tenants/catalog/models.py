"""Reference models: rows are written in control and published to every shard.

Tenants' models may have foreign keys to them, with PROTECT or DO_NOTHING. A key never changes, and
a row that is no longer wanted is retired: docs/how-to/reference-tables.md.
"""

from django.db import models


class Retirable(models.Model):
    """A row that stays where it is used, and is no longer offered once it is retired."""

    retired = models.BooleanField(default=False)

    class Meta:
        abstract = True
        default_permissions = ()


class Country(Retirable):
    """A country or territory, by its ISO 3166-1 code of two letters."""

    code = models.CharField(max_length=2, primary_key=True)
    name = models.CharField(max_length=100)

    class Meta(Retirable.Meta):
        db_table = "ref_country"
        ordering = ["name"]
        verbose_name_plural = "countries"

    def __str__(self) -> str:
        return self.name


class Currency(Retirable):
    """A currency, by its ISO 4217 code of three letters."""

    code = models.CharField(max_length=3, primary_key=True)
    name = models.CharField(max_length=100)
    digits = models.PositiveSmallIntegerField(default=2)
    """Digits after the point: 2 for euro and cent, 0 for yen."""

    class Meta(Retirable.Meta):
        db_table = "ref_currency"
        ordering = ["code"]
        verbose_name_plural = "currencies"

    def __str__(self) -> str:
        return self.code


class Plan(Retirable):
    """What a customer may buy. Limits nobody: `tenants.plans` has the plans that do."""

    code = models.SlugField(max_length=30, primary_key=True)
    name = models.CharField(max_length=100)
    monthly_price = models.DecimalField(max_digits=10, decimal_places=2, default=0)
    currency = models.ForeignKey(Currency, models.PROTECT, related_name="+")
    members = models.PositiveIntegerField(null=True, blank=True)
    """How many members a workspace may have; None is any number. A row to refer to: which plan a
    tenant has, and what comes of it, is for the product that sells plans."""
    position = models.PositiveSmallIntegerField(default=0)

    class Meta(Retirable.Meta):
        db_table = "ref_plan"
        ordering = ["position", "code"]

    def __str__(self) -> str:
        return self.name
