"""Builds a tenant's schema with foreign keys to reference tables, and uses them as Django does."""

import sys

import django


def main(tenant_id):
    from django.db import IntegrityError, transaction

    from migrations_tools.services.build_schema import build_schema
    from routers.errors import ReferenceIsReadOnly
    from sharding import scope
    from sharding.placements.services.placing import get_placement
    from tenants.catalog.models import Country, Plan
    from tests.integration.reference.shop.models import Destination, Order

    place = get_placement(tenant_id).to_scope()
    built = build_schema(place)
    assert "shop.0001_initial" in built.migrations
    with scope.enter(scope.CONTROL):
        of_control = Plan.objects.get(pk="team")
    with scope.enter(place):
        order = Order.objects.create(plan=of_control)
        other = Order.objects.create(plan_id="free")
        Destination.objects.create(order=order, country=Country.objects.get(pk="NO"))
        Destination.objects.create(order=order, country_id="PE")
        try:
            with transaction.atomic():
                Order.objects.create(plan_id="none")
        except IntegrityError:
            pass
        else:
            raise AssertionError("a plan that does not exist was taken")
        with_plans = Order.objects.select_related("plan__currency").order_by("id")
        assert [one.plan.currency.name for one in with_plans] == ["Euro", "Euro"]
        names = [
            [country.name for country in one.countries.all()]
            for one in Order.objects.prefetch_related("countries").order_by("id")
        ]
        assert names == [["Norway", "Peru"], []], names
        assert Order.objects.get(plan__name="Free") == other
        assert Plan.objects.filter(orders__countries__name="Peru").get().pk == "team"
        assert list(Plan.objects.get(pk="team").orders.all()) == [order]
        with transaction.atomic():
            locked = Order.objects.select_related("plan").select_for_update(of=("self",))
            assert len(locked) == 2
        try:
            Plan.objects.get(pk="team").save()
        except ReferenceIsReadOnly:
            pass
        else:
            raise AssertionError("a tenant wrote a plan")
        order.delete()
        assert not Destination.objects.exists()
        assert Country.objects.count() == 249
    print("all as it should be")


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1])
