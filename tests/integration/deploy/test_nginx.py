"""deploy/nginx before two gunicorns: hosts, files, styles, who answers, who may ask."""

import json
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.test import override_settings

from accounts.models import User
from config.uploads import LARGEST_REQUEST
from tests.fixtures.waiting import wait_for
from tests.integration.deploy.conftest import Gunicorn, Member, ask, free_port
from tests.integration.deploy.nginx_server import SHIPPED, Nginx, lay_out, tried
from workspace.models import Export

pytestmark = pytest.mark.needs("nginx")

CONTENT = b"number,title\r\n1,private\r\n"


class Front:
    """nginx and what stands behind it."""

    def __init__(self, nginx, gunicorns, files):
        self.nginx, self.gunicorns, self.files = nginx, gunicorns, files
        self._signed_in = {}

    def ask(self, path, host, **how):
        return ask(self.nginx.port, path, host, **how)

    def member(self, tenant, port=None):
        """Somebody who is signed in. Once per tenant: production looks at passwords slowly."""
        if tenant not in self._signed_in:
            self._signed_in[tenant] = Member(self.nginx.port, tenant).sign_in()
        return Member(port or self.nginx.port, tenant, dict(self._signed_in[tenant].cookies))


@pytest.fixture(scope="module")
def front(stack_ready, styles, tmp_path_factory):
    folder = tmp_path_factory.mktemp("front")
    environment = {
        "ATOLL_STATIC_ROOT": styles,
        "ATOLL_FILES_ROOT": str(folder / "files"),
        "ATOLL_BEHIND_PROXY": "true",
        "ATOLL_ACCEL_PREFIX": "/_files/",
        "ATOLL_MAX_REQUESTS": "0",
    }
    (folder / "files").mkdir()
    gunicorns = [Gunicorn(stack_ready, folder / name, **environment) for name in ("one", "two")]
    with ThreadPoolExecutor() as at_once:
        list(at_once.map(Gunicorn.start, gunicorns))
    ports = [each.port for each in gunicorns]
    nginx = Nginx(folder / "nginx", ports=ports, static=styles, files=folder / "files").start()
    yield Front(nginx, gunicorns, folder / "files")
    nginx.stop()
    with ThreadPoolExecutor() as at_once:
        list(at_once.map(Gunicorn.stop, gunicorns))


@pytest.fixture
def export_of(front):
    """An export of a tenant, in the folder that gunicorn and nginx share."""

    def made(tenant, name="tickets.csv"):
        with override_settings(MEDIA_ROOT=front.files), tenant.scope():
            export = Export(requested_by=User.objects.get(email=tenant.email))
            export.file.save(name, ContentFile(CONTENT))
            return f"/exports/{export.pk}/tickets.csv", export.file.name

    return made


def answered_by(front, host, path="/"):
    """Which gunicorn had this request: its own log has it."""
    front.ask(path, host)
    time.sleep(0.1)
    line = json.loads((front.nginx.folder / "access.log").read_text().splitlines()[-1])
    return line["upstream"]


def test_each_tenant_is_served_by_its_own_name(front, dock, emery):
    for tenant in (dock, emery):
        page = Member(front.nginx.port, tenant).sign_in().get("/")
        assert page.status == 200
        assert tenant.email in page.text
    assert front.ask("/", "nobody.example").status == 404
    assert front.ask("/", "www.localhost").status == 200


def test_a_private_file_comes_from_nginx_and_only_to_its_tenants_members(
    front, dock, emery, export_of
):
    path, _ = export_of(dock, "Ü b%20er.csv")
    sent = front.member(dock).get(path)
    assert (sent.status, sent.body) == (200, CONTENT)
    assert sent.headers["ETag"], "nginx has sent it"
    assert not sent.headers["X-Accel-Redirect"]
    assert sent.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert sent.headers["Content-Disposition"].startswith("attachment")
    assert {"private", "no-cache"} <= set(sent.headers["Cache-Control"].split(", "))
    assert sent.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in sent.headers["Content-Security-Policy"]
    assert sent.headers["X-Frame-Options"] == "DENY"
    assert sent.headers["Referrer-Policy"] == "same-origin"
    again = front.member(dock).get(path, headers={"If-None-Match": sent.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    part = front.member(dock).get(path, headers={"Range": "bytes=0-5"})
    assert (part.status, part.body) == (206, CONTENT[:6])

    assert front.ask(path, dock.host).status == 302, "nobody is signed in"
    assert front.ask(path, emery.host).status == 302
    assert front.member(emery).get(path).status == 404
    stolen = Member(front.nginx.port, emery, dict(front.member(dock).cookies))
    assert stolen.get(path).status == 302, "a session holds in its own tenant only"


def test_without_its_lines_nginx_would_lose_the_headers(front, dock, export_of, tmp_path):
    site = (SHIPPED / "atoll.conf").read_text()
    bare = re.sub(r"\n *add_header (X-Content|Content-Security)[^;]*;", "", site)
    ports = [each.port for each in front.gunicorns]
    folders = {"static": tmp_path, "files": front.files}
    nginx = Nginx(tmp_path / "bare", ports=ports, site=bare, **folders).start()
    try:
        path, _ = export_of(dock)
        sent = front.member(dock, nginx.port).get(path)
        assert sent.body == CONTENT
        assert sent.headers["Content-Security-Policy"] is None
        assert sent.headers["X-Content-Type-Options"] is None
    finally:
        nginx.stop()


@pytest.mark.parametrize(
    "path", ["/_files/{}", "/_files/../_files/{}", "/static/..%2f_files/{}", "//_files/{}"]
)
def test_from_outside_no_file_has_an_address(front, dock, emery, export_of, path):
    _, name = export_of(dock)
    asked = path.format(f"tenants/{dock.place.tenant_id}/{name}")
    assert (front.files / "tenants" / dock.place.tenant_id / name).read_bytes() == CONTENT
    for visitor in (front.member(dock), front.member(emery), Member(front.nginx.port, dock)):
        answer = visitor.get(asked)
        assert answer.status in {400, 404}
        assert CONTENT not in answer.body


def test_a_link_in_the_folder_leads_nowhere(front, dock, export_of):
    path, name = export_of(dock)
    real = front.files / "tenants" / dock.place.tenant_id / name
    secret = front.files.parent / "secret"
    secret.write_bytes(b"of the machine")
    real.unlink()
    real.symlink_to(secret)
    answer = front.member(dock).get(path)
    assert answer.status in {403, 404}
    assert b"of the machine" not in answer.body


def test_what_is_named_by_its_content_is_kept_for_ever_and_the_rest_is_not(front, styles, dock):
    hashed = [
        path for path in Path(styles).rglob("*.css") if re.search(r"\.[0-9a-f]{12}\.", path.name)
    ]
    named = hashed[0].relative_to(styles)
    plain = str(named).replace(re.search(r"\.[0-9a-f]{12}", str(named)).group(), "")
    kept = front.ask(f"/static/{named}", dock.host)
    assert (kept.status, kept.body) == (200, hashed[0].read_bytes())
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert kept.headers["X-Content-Type-Options"] == "nosniff"
    assert (
        front.ask(f"/static/{plain}", dock.host).headers["Cache-Control"] == "public, max-age=300"
    )
    packed = front.ask(f"/static/{named}", dock.host, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    page = front.ask("/account/sign-in/", dock.host, headers={"Accept-Encoding": "gzip"})
    assert page.headers["Content-Encoding"] is None
    assert f"/static/{named.parent}/" in page.text
    for name in ("staticfiles.json", "../secret", "%2e%2e/secret"):
        assert front.ask(f"/static/{name}", dock.host).status in {400, 404}


def test_one_host_always_meets_the_same_gunicorn_and_many_hosts_meet_both(front):
    hosts = [f"host{number}.localhost" for number in range(12)]
    met = {host: {answered_by(front, host) for _ in range(3)} for host in hosts}
    assert all(len(upstreams) == 1 for upstreams in met.values())
    assert len(set().union(*met.values())) == 2
    assert answered_by(front, "HOST1.localhost.".rstrip(".")) == next(iter(met["host1.localhost"]))


def test_where_one_gunicorn_is_gone_the_other_has_all_hosts(front, styles, tmp_path):
    alive = front.gunicorns[0]
    ports = [free_port(), alive.port]
    nginx = Nginx(tmp_path / "nginx", ports=ports, static=styles, files=tmp_path).start()
    left = Front(nginx, [alive], tmp_path)
    try:
        for number in range(8):
            host = f"host{number}.localhost"
            assert left.ask("/healthz", host).status == 200
            assert answered_by(left, host).endswith(f"127.0.0.1:{alive.port}")
    finally:
        nginx.stop()


@pytest.mark.slow
def test_when_a_gunicorn_goes_the_other_takes_its_hosts_until_it_is_back(
    front, stack_ready, styles, tmp_path
):
    environment = {"ATOLL_STATIC_ROOT": styles, "ATOLL_BEHIND_PROXY": "true"}
    with ThreadPoolExecutor() as at_once:
        mine = [Gunicorn(stack_ready, tmp_path / name, **environment) for name in ("one", "two")]
        list(at_once.map(Gunicorn.start, mine))
    ports = [each.port for each in mine]
    nginx = Nginx(tmp_path / "nginx", ports=ports, static=styles, files=tmp_path).start()
    pair = Front(nginx, mine, tmp_path)
    try:
        hosts = [f"host{number}.localhost" for number in range(8)]
        before = {host: answered_by(pair, host) for host in hosts}
        gone = mine[0]
        gone.stop()
        for host in hosts:
            assert pair.ask("/healthz", host).status == 200
            assert pair.ask("/", host).status == 404, "the product says: no such workspace"
        other = f"127.0.0.1:{mine[1].port}"
        mine[1].stop()
        answer = pair.ask("/", hosts[0])
        assert answer.status == 502
        assert other in set(before.values())
        gone.start()
        deadline = time.monotonic() + 15
        while pair.ask("/", hosts[0]).status != 404:
            assert time.monotonic() < deadline
            time.sleep(0.3)
    finally:
        nginx.stop()
        with ThreadPoolExecutor() as at_once:
            list(at_once.map(Gunicorn.stop, mine))


@pytest.mark.parametrize(
    "header", ["X-Forwarded-Host", "Forwarded", "X-Original-Host", "X-Host", "X-Forwarded-Server"]
)
def test_no_header_but_host_chooses_the_tenant(front, dock, emery, header):
    value = f"host={emery.host}" if header == "Forwarded" else emery.host
    page = front.member(dock).get("/", headers={header: value})
    assert dock.email in page.text
    assert emery.email not in page.text


def test_visitors_addresses_and_https_cannot_be_made_up(front, dock):
    made_up = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https"}
    assert front.ask("/", dock.host, headers=made_up).status == 302
    asked = wait_for(
        lambda: [
            line
            for each in front.gunicorns
            for line in each.access_lines()
            if line.get("host") == dock.host
        ]
    )
    assert {line["forwarded_for"] for line in asked} == {"127.0.0.1"}


def test_one_id_goes_through_both_logs(front, dock):
    answer = front.ask("/", dock.host)
    asked = answer.headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", asked)
    log = front.nginx.folder / "access.log"
    # Both are written when the answer has gone out.
    (line,) = wait_for(
        lambda: [
            line
            for each in front.gunicorns
            for line in each.access_lines()
            if line.get("request_id") == asked
        ]
    )
    wait_for(lambda: asked in log.read_text())
    outer = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["status"] for line in outer if line["request_id"] == asked] == [302]
    assert (line["tenant"], line["shard"]) == (dock.place.tenant_id, "alpha")


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
def test_what_asks_every_server_is_not_for_everybody(front, dock, path):
    assert front.ask(path, dock.host).status == 404
    assert front.ask("/healthz", "any.thing").status == 200


def test_an_upload_as_large_as_the_product_takes_passes_and_no_larger_one(front, dock):
    size = re.search(r"client_max_body_size (\d+)m;", (SHIPPED / "atoll.conf").read_text())
    assert int(size.group(1)) * 2**20 >= LARGEST_REQUEST
    answer = front.ask(
        "/account/sign-in/",
        dock.host,
        method="POST",
        headers={"Content-Length": str(2**30), "Content-Type": "text/plain"},
    )
    assert answer.status == 413


def test_the_shipped_files_are_valid_with_tls(tmp_path):
    main = lay_out(tmp_path)
    key, certificate = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
    subprocess.run(
        (
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=example.org", "-keyout", str(key), "-out", str(certificate)),
        ),
        check=True,
        capture_output=True,
    )
    folder = tmp_path / "atoll"
    upstreams = folder / "upstreams.conf"
    upstreams.write_text(re.sub(r"web-\d", "127.0.0.1", upstreams.read_text()))
    tls = folder / "tls.conf"
    tls.write_text(tls.read_text().replace("/etc/nginx/certificates", str(tmp_path)))
    here = folder / "here.conf"
    # An ordinary user may not bind to ports below 1,024, and -t binds.
    for listens in (here, tls):
        listens.write_text(
            re.sub(r"(listen (?:\[::\]:)?)(80|443)\b", r"\g<1>20\2", listens.read_text())
        )
    for with_tls in (False, True):
        if with_tls:
            here.write_text(here.read_text().replace("# include atoll/tls", "include atoll/tls"))
        ended = tried(main)
        assert ended.returncode == 0, ended.stderr
        assert "[warn]" not in ended.stderr
    here.write_text("listen 80 oops;")
    assert tried(main).returncode != 0, "negative control"
