"""A person with a browser, as far as the check needs one: cookies, forms, tokens."""

import re
from types import TracebackType
from typing import Final, Self

import httpx

from devstack.demo.errors import CheckFailed
from devstack.demo.types import SignIn

_TOKEN: Final = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Visitor:
    """Visits one host of the demo. The address is always 127.0.0.1, the host goes in the header."""

    def __init__(self, port: int, host: str) -> None:
        self.host = host
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Host": host},
            timeout=20,
            trust_env=False,
        )

    @property
    def slug(self) -> str:
        """The first label of the host."""
        return self.host.partition(".")[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()

    def get(self, path: str, *, expect: int = 200) -> httpx.Response:
        """Fetch a page.

        Raises:
            CheckFailed: its status is not `expect`.
        """
        return self._checked(self.http.get(path), expect)

    def post(self, path: str, form: dict[str, str], *, seen_on: str) -> httpx.Response:
        """Send a form with the token of the page `seen_on`; it must answer with a redirect.

        Raises:
            CheckFailed: it does not.
        """
        token = _TOKEN.search(self.get(seen_on).text)
        if token is None:
            raise CheckFailed(f"{self.host}{seen_on} has no form with a token.")
        answer = self.http.post(path, data={**form, "csrfmiddlewaretoken": token[1]})
        return self._checked(answer, 302)

    def sign_in(self, who: SignIn) -> None:
        """Sign in through the form.

        Raises:
            CheckFailed: it is refused.
        """
        page = "/account/sign-in/"
        self.post(page, {"username": who.email, "password": who.password}, seen_on=page)

    def _checked(self, answer: httpx.Response, expect: int) -> httpx.Response:
        if answer.status_code != expect:
            asked = f"{answer.request.method} {self.host}{answer.request.url.path}"
            raise CheckFailed(f"{asked} answered {answer.status_code}, expected {expect}.")
        return answer
