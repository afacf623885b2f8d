"""What the demo is made of."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Program:
    """One program of the demo.

    Attributes:
        label: what its lines in the log begin with.
        command: program and arguments.
        inherited: file descriptors that it gets from us.
    """

    label: str
    command: tuple[str, ...]
    inherited: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Demo:
    """Where the demo runs.

    Attributes:
        folder: what the product itself leaves behind: files, style sheets, beat's memory.
        port: of the web server, on 127.0.0.1.
        environment: for every program.
        shards: names of the shards, one worker each.
        servers_run_on: the servers were up before and outlive the demo.
    """

    folder: Path
    port: int
    environment: Mapping[str, str]
    shards: tuple[str, ...]
    servers_run_on: bool = False


@dataclass(frozen=True, slots=True)
class DemoTenant:
    """A tenant of the demo and the shard that it is put on."""

    slug: str
    name: str
    shard: str

    @property
    def email(self) -> str:
        """The address that its admin signs in with."""
        return f"admin@{self.slug}.example"


TENANTS = (
    DemoTenant("acme", "Acme Tools", "alpha"),
    DemoTenant("birch", "Birch & Sons", "alpha"),
    DemoTenant("coral", "Coral Travel", "beta"),
    DemoTenant("dune", "Dune Coffee", "beta"),
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """How to sign in to one tenant of a running demo."""

    slug: str
    shard: str
    host: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class OperatorSignIn:
    """How to sign in to the console of a running demo.

    Attributes:
        secret: what an app makes codes of, as it is typed there.
        recovery_codes: each is good once in place of such a code.
    """

    host: str
    email: str
    password: str
    secret: str
    recovery_codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Running:
    """What a demo that is up says about itself, for those who drive it."""

    port: int
    pids: tuple[int, ...]
    sign_ins: tuple[SignIn, ...]
    operator: OperatorSignIn

    def to_json(self) -> str:
        """For a file that its owner alone may read: it holds passwords."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Running":
        """The inverse of `to_json`."""
        told = json.loads(text)
        return cls(
            port=told["port"],
            pids=tuple(told["pids"]),
            sign_ins=tuple(SignIn(**each) for each in told["sign_ins"]),
            operator=OperatorSignIn(
                **{**told["operator"], "recovery_codes": tuple(told["operator"]["recovery_codes"])}
            ),
        )
