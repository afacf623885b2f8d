"""The demo's operator, made by the commands that a person would use, and shown to get in."""

import base64
import json
import os
import subprocess
from typing import Final

from django_otp.oath import TOTP

from devstack.demo.console_output import LabelledOutput
from devstack.demo.errors import ProgramEnded
from devstack.demo.plan import LEADS_ELSEWHERE, ROOT, manage
from devstack.demo.types import Demo, OperatorSignIn
from devstack.demo.visitor import Visitor

EMAIL: Final = "operator@demo.example"

_SECRETS: Final = ("--recovery-codes", "--json")


def make_operator(demo: Demo, output: LabelledOutput) -> OperatorSignIn:
    """An operator with a password, a second factor and recovery codes of this run.

    Raises:
        ProgramEnded: the commands refused; what they said was passed on.
    """
    environment = {k: v for k, v in os.environ.items() if k not in LEADS_ELSEWHERE}
    for command in (
        manage("create_operator", "--email", EMAIL, *_SECRETS),
        # There is one since an earlier run.
        manage("reset_operator_factor", EMAIL, "--password", *_SECRETS),
    ):
        ended = subprocess.run(
            command,
            cwd=ROOT,
            env={**environment, **demo.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
        if ended.returncode == 0:
            told = json.loads(ended.stdout)
            return OperatorSignIn(
                host=f"console.localhost:{demo.port}",
                email=told["email"],
                password=told["password"],
                secret=told["secret"],
                recovery_codes=tuple(told["recovery_codes"]),
            )
    output.tell(ended.stderr)
    raise ProgramEnded("operator", ended.returncode)


def welcome_operator(operator: OperatorSignIn) -> list[str]:
    """Lines that say how to sign in to the console of this demo."""
    return [
        f"  http://{operator.host}/  the console  {operator.email}  {operator.password}",
        f"    secret for an app with codes, of this demo only: {operator.secret}",
        f"    or in place of a code, each good once: {'  '.join(operator.recovery_codes[:3])}",
    ]


def sign_in_to_console(visitor: Visitor, operator: OperatorSignIn) -> None:
    """Sign in with password and the code that a device would show.

    Raises:
        CheckFailed: it is refused.
    """
    first, second = "/sign-in/", "/sign-in/code/"
    visitor.post(first, {"email": operator.email, "password": operator.password}, seen_on=first)
    code = TOTP(base64.b32decode(operator.secret)).token()
    visitor.post(second, {"code": f"{code:06}"}, seen_on=second)
