"""A process that changes a shop by the forms of its admin, over HTTP: `… staff <web's address> <file> <log>`.

The same file and log as the writer's. A form that is refused after its first row was written (a variant with another's
SKU) is one that is undone; an answer that never came, or a 5xx, is one of which nobody knows.
"""

import json
import random
import re
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import django
import requests

django.setup()

from tests.admin import LOGIN, errors, read_form  # noqa: E402
from tests.faults.events import NEVER, PIECES  # noqa: E402

TIMEOUT = 20
PAUSE = 0.3
SAVE = {"_save": "Save"}
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class NoAnswer(Exception):
    """The admin did not answer, or said that it failed."""


class Staff:
    """A signed-in member of staff."""

    def __init__(self, web: str, shop: dict[str, Any]) -> None:
        self.web = web
        self.shop = shop
        self.session = requests.Session()
        self.session.headers["Host"] = shop["host"]

    def sign_in(self) -> None:
        """Sign in anew. Raises NoAnswer."""
        self.session.cookies.clear()
        found = _TOKEN.search(self._ask("GET", LOGIN).text)
        token = found[1] if found else ""
        given = {"username": self.shop["email"], "password": self.shop["password"], "csrfmiddlewaretoken": token}
        if self._ask("POST", f"{LOGIN}?next=/admin/", given).status_code != 302:
            raise NoAnswer("sign-in was refused")

    def change(self) -> dict[str, Any]:
        """Change something, and return what the log is to say. Raises NoAnswer."""
        if random.random() < 0.3:
            return self._change_stock(random.choice(self.shop["stocks"]))
        return self._change_product(random.choice(self.shop["products"]), is_undone=random.random() < 0.2)

    def _change_stock(self, identity: str) -> dict[str, Any]:
        page = f"/admin/catalog/stock/{identity}/change/"
        form = self._form(page)
        version = int(form["opened_version"]) + 1
        return self._save(page, {**form, "on_hand": PIECES + version}, {identity: version})

    def _change_product(self, identity: str, *, is_undone: bool) -> dict[str, Any]:
        page = f"/admin/catalog/product/{identity}/change/"
        form = self._form(page)
        version = int(form["opened_version"]) + 1
        form["slug"] = f"{uuid4().hex[:8]}-v{version}"
        if is_undone:
            form["slug"] = f"{NEVER}-{uuid4().hex}"
            mine = form["variants-0-sku"]
            form["variants-0-sku"] = next(sku for sku in ("SKU-0", "SKU-1") if sku != mine)
        return self._save(page, form, {identity: version})

    def _save(self, page: str, form: dict[str, Any], made: dict[str, int]) -> dict[str, Any]:
        answer = self._ask("POST", page, {**form, **SAVE})
        if answer.status_code == 302:
            return {"outcome": "committed", "made": made}
        said = errors(answer)
        if "Another variant has sku" in said:
            return {"outcome": "undone"}
        if "Somebody changed this" in said:
            return {"outcome": "refused"}
        raise NoAnswer(f"{answer.status_code} {said or answer.text[:200]}")

    def _form(self, page: str) -> dict[str, Any]:
        answer = self._ask("GET", page)
        if answer.status_code != 200:
            raise NoAnswer(f"{answer.status_code} for {page}")
        return read_form(answer)

    def _ask(self, method: str, path: str, form: dict[str, Any] | None = None) -> requests.Response:
        try:
            answer = self.session.request(
                method, f"{self.web}{path}", data=form, timeout=TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            raise NoAnswer(type(error).__name__) from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise NoAnswer(str(answer.status_code))
        return answer


def main(web: str, shop: dict[str, Any], log: Path) -> None:
    """Change without end."""
    staff, is_signed_in = Staff(web, shop), False
    with log.open("a") as file:
        while True:
            line: dict[str, Any]
            try:
                if not is_signed_in:
                    staff.sign_in()
                    is_signed_in = True
                line = staff.change()
            except NoAnswer as error:
                line = {"outcome": "unknown", "error": str(error)[:300]}
                is_signed_in = is_signed_in and "302" not in str(error)
                time.sleep(0.3)
            file.write(json.dumps({"at": time.time(), "by": "admin", **line}) + "\n")
            file.flush()
            time.sleep(random.uniform(0, PAUSE))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3]))
