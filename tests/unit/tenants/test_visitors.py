import pytest
from django.test import RequestFactory

from tenants.visitors import visitor_ip


def visitor(address, forwarded=None):
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return visitor_ip(RequestFactory(headers=headers).get("/", REMOTE_ADDR=address))


@pytest.mark.parametrize(
    ("address", "known_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("", None),
        ("unix:", None),
    ],
)
def test_a_visitor_is_known_by_the_address_or_its_network(address, known_as):
    assert visitor(address) == known_as


def test_what_a_visitor_claims_is_not_believed():
    assert visitor("192.0.2.7", forwarded="198.51.100.1") == "192.0.2.7"


def test_behind_a_proxy_the_last_address_is_the_visitors(settings):
    settings.ATOLL_BEHIND_PROXY = True
    assert visitor("127.0.0.1", forwarded="203.0.113.9, 198.51.100.1") == "198.51.100.1"
    assert visitor("127.0.0.1", forwarded="203.0.113.9, rubbish") is None
    assert visitor("127.0.0.1") == "127.0.0.1"
