"""What can be set about tenants."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, cached_property

from django.conf import settings
from django.core.signals import setting_changed

from sharding.typed_settings import SettingsReader
from tenants.plans import PLANS_WANTED, Plan, parse_plans


@dataclass(frozen=True)
class TenantSettings:
    """Settings of this package.

    Attributes:
        base_domain: ATOLL_BASE_DOMAIN. Tenants are reached under `<slug>.<base_domain>`.
        public_hosts: ATOLL_PUBLIC_HOSTS. Hosts of nobody's tenant: the public pages.
        console_hosts: ATOLL_CONSOLE_HOSTS. Hosts of the operators.
        public_urlconf: ATOLL_PUBLIC_URLCONF. What is served on public hosts.
        console_urlconf: ATOLL_CONSOLE_URLCONF. What is served on the operators' hosts.
        provision_steps: TENANT_PROVISION_STEPS. Dotted paths of what runs in a new tenant.
        purge_steps: TENANT_PURGE_STEPS. Dotted paths of what runs when a tenant is purged.
        grace: ATOLL_DELETION_GRACE_DAYS. How long the data of a deleted tenant is kept.
        directory_size: ATOLL_DIRECTORY_SIZE. Hosts that one process remembers.
        remembered_for: ATOLL_DIRECTORY_SECONDS. How long a process, and then Redis once more,
            believes an answer before asking again.
        heard_for: ATOLL_DIRECTORY_HEARD_SECONDS. The same for a process that hears of changes: it
            is told, within a heartbeat, when an answer is no longer good.
        quarantine: ATOLL_SLUG_QUARANTINE_DAYS. How long a slug rests that a tenant gave up.
        request_time: ATOLL_REQUEST_SECONDS. What a request may spend waiting for databases; the
            statement that is running then is given up, and the answer is 503.
        gate_time: ATOLL_GATE_SECONDS. How long a request waits while its tenant is moved; then
            the answer is 503.
        retry_after: ATOLL_RETRY_AFTER_SECONDS. What a 503 tells browsers to wait; up to
            thrice as long where too much was asked at once.
        task_pause: ATOLL_TASK_PAUSE_SECONDS. When a task comes again that has met a server that is
            away; each further pause is twice as long, up to a minute.
        task_patience: ATOLL_TASK_PATIENCE_HOURS. So long such a task is put off; then it
            fails.
        believe_forwarded_host: USE_X_FORWARDED_HOST, Django's own.
        behind_proxy: ATOLL_BEHIND_PROXY. Whether the last address in X-Forwarded-For is the
            visitor's, because our own proxy put it there.
        link_scheme: ATOLL_LINK_SCHEME. What links in mails begin with.
        link_port: ATOLL_LINK_PORT. The port in links in mails; empty where it is the scheme's own.
        session_idle: ATOLL_SESSION_IDLE_HOURS. A session that nobody uses for so long has ended.
        session_lifetime: ATOLL_SESSION_LIFETIME_DAYS. So long after signing in a session ends,
            however much it is used.
        process_rows: ATOLL_PROCESS_ROWS. Whether processes that serve keep a row in control.
        plans: ATOLL_PLANS. As the variable of that name.
        accel_prefix: ATOLL_ACCEL_PREFIX. The front server's internal address of the folder of all
            files; empty where this process sends files itself.
    """

    base_domain: str
    public_hosts: frozenset[str]
    console_hosts: frozenset[str]
    public_urlconf: str
    console_urlconf: str
    provision_steps: tuple[str, ...]
    purge_steps: tuple[str, ...]
    grace: timedelta
    directory_size: int
    remembered_for: timedelta
    heard_for: timedelta
    quarantine: timedelta
    request_time: timedelta
    gate_time: timedelta
    retry_after: timedelta
    task_pause: timedelta
    task_patience: timedelta
    believe_forwarded_host: bool
    behind_proxy: bool
    link_scheme: str
    link_port: str
    session_idle: timedelta
    session_lifetime: timedelta
    process_rows: bool
    plans: Mapping[str, Plan]
    accel_prefix: str

    @cached_property
    def request_seconds(self) -> float:
        """request_time as clocks count."""
        return self.request_time.total_seconds()

    @cached_property
    def gate_seconds(self) -> float:
        """gate_time as clocks count."""
        return self.gate_time.total_seconds()

    def statement_timeout_ms(self, plan: str) -> int:
        """How long a statement of a tenant of this plan may take; 0: as long as everybody's.

        A plan that is no longer there limits nobody.
        """
        found = self.plans.get(plan)
        return 0 if found is None else found.statement_timeout_ms


@cache
def tenant_settings() -> TenantSettings:
    """The settings; read once, and again after a test has changed one.

    Raises:
        InvalidSettings: some say what they cannot.
    """
    with SettingsReader() as read:
        base_domain = read.text("ATOLL_BASE_DOMAIN", "localhost").lower()
        return TenantSettings(
            base_domain=base_domain,
            public_hosts=_lower(
                read.texts("ATOLL_PUBLIC_HOSTS", (base_domain, f"www.{base_domain}"))
            ),
            console_hosts=_lower(read.texts("ATOLL_CONSOLE_HOSTS", (f"console.{base_domain}",))),
            public_urlconf=read.text("ATOLL_PUBLIC_URLCONF", settings.ROOT_URLCONF),
            console_urlconf=read.text("ATOLL_CONSOLE_URLCONF", settings.ROOT_URLCONF),
            provision_steps=read.texts("TENANT_PROVISION_STEPS", ()),
            purge_steps=read.texts("TENANT_PURGE_STEPS", ()),
            grace=read.days("ATOLL_DELETION_GRACE_DAYS", 30, may_be_none=True),
            directory_size=read.whole("ATOLL_DIRECTORY_SIZE", 10_000),
            remembered_for=read.seconds("ATOLL_DIRECTORY_SECONDS", 5),
            heard_for=read.seconds("ATOLL_DIRECTORY_HEARD_SECONDS", 60),
            quarantine=read.days("ATOLL_SLUG_QUARANTINE_DAYS", 30, may_be_none=True),
            request_time=read.seconds("ATOLL_REQUEST_SECONDS", 25),
            gate_time=read.seconds("ATOLL_GATE_SECONDS", 5),
            retry_after=read.seconds("ATOLL_RETRY_AFTER_SECONDS", 2),
            task_pause=read.seconds("ATOLL_TASK_PAUSE_SECONDS", 5),
            task_patience=read.hours("ATOLL_TASK_PATIENCE_HOURS", 24),
            believe_forwarded_host=bool(settings.USE_X_FORWARDED_HOST),
            behind_proxy=read.flag("ATOLL_BEHIND_PROXY", False),
            link_scheme=read.text("ATOLL_LINK_SCHEME", "https", one_of=("http", "https")),
            link_port=read.port("ATOLL_LINK_PORT", ""),
            session_idle=read.hours("ATOLL_SESSION_IDLE_HOURS", 24),
            session_lifetime=read.days("ATOLL_SESSION_LIFETIME_DAYS", 14),
            process_rows=read.flag("ATOLL_PROCESS_ROWS", True),
            plans=read.written("ATOLL_PLANS", "", PLANS_WANTED, parse_plans),
            accel_prefix=read.text("ATOLL_ACCEL_PREFIX", ""),
        )


def _lower(hosts: tuple[str, ...]) -> frozenset[str]:
    return frozenset(host.lower() for host in hosts)


def _forget(**change: object) -> None:
    tenant_settings.cache_clear()


setting_changed.connect(_forget, dispatch_uid="tenants.conf")
