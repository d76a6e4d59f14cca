"""An app as those built on app-sdk behave: it registers by calling back, and checks each delivery in the same order."""

import json
import threading
import urllib.error
import urllib.request
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet


class Refusal(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


@dataclass
class FakeApp:
    """Serves its manifest (`more` changes it), a registration, and one webhook, at `url`.

    `refusal` is what it answers to a registration instead of accepting it; `raw` replaces the manifest's bytes.
    """

    more: dict[str, Any] = field(default_factory=dict)
    refusal: Refusal | None = None
    raw: bytes | None = None
    status: int = 200
    registered: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    delivered: list[tuple[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._handle(lambda headers, body: app.manifest())

            def do_POST(self) -> None:
                path = urlsplit(self.path).path
                self._handle(app.register if path == "/api/register" else app.receive)

            def _handle(self, respond: Any) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                app.asked.append((self.command, self.path, headers))
                body = self.rfile.read(int(headers.get("content-length") or 0))
                try:
                    status, answer = respond(headers, body)
                except Refusal as refusal:
                    app.refused.append(refusal.code)
                    told = {"error": {"code": refusal.code, "message": f"Refused: {refusal.code}"}}
                    status, answer = refusal.status, json.dumps(told).encode()
                self.send_response(status)
                if status in (301, 302):
                    self.send_header("Location", f"{app.url}/elsewhere")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def manifest(self) -> tuple[int, bytes]:
        given = {
            "id": "example.app.stock",
            "name": "Stock keeper",
            "version": "1.2.3",
            "about": "Keeps stock.",
            "requiredSaleorVersion": "^3.20",
            "permissions": ["MANAGE_PRODUCTS"],
            "appUrl": self.url,
            "tokenTargetUrl": f"{self.url}/api/register",
            "webhooks": [
                {"name": "Products", "targetUrl": f"{self.url}/api/webhook", "asyncEvents": ["PRODUCT_UPDATED"]}
            ],
            "somethingNew": {"ignored": True},
            **self.more,
        }
        body = json.dumps({key: value for key, value in given.items() if value is not None}).encode()
        return self.status, body if self.raw is None else self.raw

    def register(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if self.refusal:
            raise self.refusal
        api_url = headers.get("saleor-api-url")
        token = json.loads(body).get("auth_token")
        if not api_url or not token or headers["saleor-domain"] != urlsplit(api_url).netloc:
            raise Refusal(400, "MISSING_HEADERS")
        app_id = self._ask_who_i_am(api_url, token)
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(api_url))
        with urllib.request.urlopen(f"{origin}/.well-known/jwks.json") as answer:
            jwks = json.load(answer)
        if not jwks["keys"]:
            raise Refusal(401, "JWKS_NOT_AVAILABLE")
        self.registered[api_url] = {"token": token, "app_id": app_id, "jwks": jwks}
        return 200, b'{"success":true}'

    def _ask_who_i_am(self, api_url: str, token: str) -> str:
        request = urllib.request.Request(
            api_url,
            json.dumps({"query": "{ app { id } }"}).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        )
        try:
            with urllib.request.urlopen(request) as answer:
                app = json.load(answer)["data"]["app"]
        except urllib.error.HTTPError:
            app = None
        if app is None:
            raise Refusal(401, "UNKNOWN_APP_ID")
        return app["id"]

    def receive(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Check a delivery as app-sdk does, in its order."""
        if not headers.get("host"):
            raise Refusal(400, "MISSING_HOST_HEADER")
        if not headers.get("saleor-api-url"):
            raise Refusal(400, "MISSING_API_URL_HEADER")
        if not headers.get("saleor-event"):
            raise Refusal(400, "MISSING_EVENT_HEADER")
        if headers["saleor-event"] != "product_updated":
            raise Refusal(400, "WRONG_EVENT")
        if not headers.get("saleor-signature"):
            raise Refusal(400, "MISSING_SIGNATURE_HEADER")
        if not body:
            raise Refusal(400, "MISSING_REQUEST_BODY")
        payload = json.loads(body)
        known = self.registered.get(headers["saleor-api-url"])
        if known is None:
            raise Refusal(401, "NOT_REGISTERED")
        try:
            verify(headers["saleor-signature"], body, known["jwks"])
        except (JoseError, ValueError):
            raise Refusal(401, "SIGNATURE_VERIFICATION_FAILED") from None
        self.delivered.append((headers["saleor-event"], payload))
        return 200, b"{}"


def verify(signature: str, body: bytes, jwks: dict[str, Any]) -> None:
    header, _, tail = signature.partition("..")
    kid = json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
    chosen = KeySet.import_key_set(jwks).get_by_kid(kid)
    jws.deserialize_compact(f"{header}..{tail}", chosen, payload=body, registry=jws.JWSRegistry(algorithms=["RS256"]))
