"""Making tenants."""

from sharding import scope
from tenants.models import Tenant


def test_a_tenant_is_made_on_the_shard_that_was_named(ann, cyd):
    from accounts.models import User

    assert (ann.place.shard, cyd.place.shard) == ("alpha", "beta")
    with ann.scope():
        assert [user.email for user in User.objects.all()] == [ann.email]
    assert Tenant.objects.using("control").get(slug="ann").state == "active"
    assert scope.resolve(ann.id) == ann.place
