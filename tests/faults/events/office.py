"""A process that changes a shop over the REST API, by a key: `… office <web's address> <file> <log>`.

The same file and log as the writer's. Each request has a key of its own (`Idempotency-Key`) and names the version that
it changes (`If-Match`). One whose answer never came is sent again, under the same key, until there is one: it must then
have been done once, whether the first was lost on its way there or back.
"""

import json
import random
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

TIMEOUT = 20
PAUSE = 0.3
PATIENCE = 60.0
LISTS = ("products", "categories", "collections")


class NoAnswer(Exception):
    """There was no answer, for as long as we asked."""


class Office:
    """A back office with a key."""

    def __init__(self, web: str, shop: dict[str, Any]) -> None:
        self.web = web
        self.shop = shop
        self.session = requests.Session()
        self.session.headers.update({"Host": shop["host"], "Authorization": f"Bearer {shop['key']}"})

    def change(self) -> dict[str, Any]:
        """Change something, and return what the log is to say. Raises NoAnswer."""
        name = random.choice(LISTS)
        identity = random.choice(self.shop[name])
        path = f"/api/v1/{name}/{identity}"
        found, _ = self._ask("GET", path)
        version = int(found.headers["ETag"].strip('"')) + 1
        headers = {"If-Match": found.headers["ETag"], "Idempotency-Key": uuid4().hex}
        answer, tries = self._ask("PATCH", path, {"slug": f"{uuid4().hex[:8]}-v{version}"}, headers)
        if answer.status_code == 412:
            return {"outcome": "refused"}
        if answer.status_code != 200 or answer.headers["ETag"] != f'"{version}"':
            raise NoAnswer(f"{answer.status_code} {answer.headers.get('ETag')} {answer.text[:200]}")
        return {"outcome": "committed", "made": {identity: version}, "tries": tries}

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[requests.Response, int]:
        """Return an answer, and after how many requests it came."""
        began, tries = time.monotonic(), 0
        while time.monotonic() - began < PATIENCE:
            tries += 1
            try:
                answer = self.session.request(method, f"{self.web}{path}", json=body, headers=headers, timeout=TIMEOUT)
            except requests.RequestException:
                time.sleep(0.3)
                continue
            # 409: the first request is still at work, or was when its process was killed.
            if answer.status_code < 500 and answer.status_code not in (409, 429):
                return answer, tries
            time.sleep(0.3)
        raise NoAnswer(f"no answer to {method} {path}")


def main(web: str, shop: dict[str, Any], log: Path) -> None:
    """Change without end."""
    office = Office(web, shop)
    with log.open("a") as file:
        while True:
            line: dict[str, Any]
            try:
                line = office.change()
            except NoAnswer as error:
                line = {"outcome": "unknown", "error": str(error)[:300]}
            file.write(json.dumps({"at": time.time(), "by": "REST", **line}) + "\n")
            file.flush()
            time.sleep(random.uniform(0, PAUSE))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3]))
