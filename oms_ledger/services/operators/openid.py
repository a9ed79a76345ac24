"""Signing in by an OpenID provider: the code flow with PKCE, for people who were invited.

What the browser has to bring back (`state`, `nonce`, the verifier) travels in a sealed cookie of
ten minutes. Only the e-mail counts that the provider says it verified, and the claims that
`OMS_OIDC_ROLES` names (`claimed_roles`).
"""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests
import structlog
from sqlalchemy import Connection

from oms_ledger.accounts.operators import OperatorEvent
from oms_ledger.cell import Cell
from oms_ledger.refusal import Refusal
from oms_ledger.services.operators.claimed_roles import set_roles
from oms_ledger.services.operators.recording import by_deployment, record_operator
from oms_ledger.services.operators.sign_in import browser_mark, signed_in
from oms_ledger.settings import is_loopback
from projections.operators import sessions
from projections.operators.directory import Operator

log = structlog.get_logger(__name__)

LIFE = 600 * 1_000_000  # microseconds that a person may take at the provider
SECONDS = 5  # that the provider may take to answer
LEEWAY = 60  # seconds that the provider's clock may differ
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
_PLACE = "openid-sign-in"


class OpenIdRefused(Refusal):
    """403: the provider's answer lets nobody in."""

    status, code = 403, "1"
    text = "Signing in at the provider did not work: {0}"


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that was begun; `at` in microseconds since 1970."""

    state: str
    nonce: str
    verifier: str
    wanted: str
    at: int


@dataclass(frozen=True, slots=True)
class Provider:
    """What the provider publishes of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


def begin(cell: Cell, redirect_uri: str, wanted: str) -> tuple[str, bytes]:
    """Where the browser goes, and the sealed cookie that it keeps meanwhile."""
    provider = _provider(cell)
    nonce, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    with _client(cell, redirect_uri) as client:
        address, state = client.create_authorization_url(
            provider.authorization_endpoint, nonce=nonce, code_verifier=verifier, max_age=0
        )
    pending = Pending(state, nonce, verifier, wanted, cell.clock.micros())
    return address, cell.encryption.seal(msgspec.json.encode(pending), _PLACE)


async def finish(
    cell: Cell,
    redirect_uri: str,
    query: dict[str, str],
    sealed: bytes,
    *,
    agent: str,
    browser: str = "",
) -> tuple[Operator, str, str]:
    """The operator, the token of a new session, and where the person wanted to go."""
    claims, wanted = await asyncio.to_thread(_named, cell, redirect_uri, query, sealed)
    operator = await set_roles(cell, claims)
    if operator is None or operator.disabled_at is not None:
        raise OpenIdRefused("nobody invited this e-mail")
    token = sessions.new_token()

    def let_in(connection: Connection) -> None:
        sessions.open_session(connection, operator.id, agent, cell.clock.micros(), token)

    known = secrets.compare_digest(browser.encode(), browser_mark(cell, operator.email).encode())
    came: list[OperatorEvent] = [signed_in(token, known_browser=known)]
    await record_operator(
        cell,
        by_deployment(f"person:{operator.id}"),
        operator.id,
        lambda _: came,
        fills=[let_in],
    )
    return operator, token, wanted


def _named(
    cell: Cell, redirect_uri: str, query: dict[str, str], sealed: bytes
) -> tuple[dict[str, Any], str]:
    """What the provider says of a person whose e-mail it verified, and the page wanted."""
    pending = _opened(cell, sealed)
    if not secrets.compare_digest(pending.state.encode(), query.get("state", "").encode()):
        raise OpenIdRefused("it was begun in another browser")
    if not query.get("code"):
        raise OpenIdRefused(query.get("error", "no code came back")[:100])
    claims = _claims(cell, redirect_uri, query["code"], pending)
    email = claims.get("email")
    if not isinstance(email, str) or claims.get("email_verified") is not True:
        raise OpenIdRefused("the provider verified no e-mail")
    return claims, pending.wanted


def _opened(cell: Cell, sealed: bytes) -> Pending:
    try:
        pending = msgspec.json.decode(cell.encryption.open(sealed, _PLACE), type=Pending)
    except Exception:  # noqa: BLE001  whatever somebody put into the cookie
        raise OpenIdRefused("begin again") from None
    if pending.at + LIFE < cell.clock.micros():
        raise OpenIdRefused("it took too long, begin again")
    return pending


def _claims(cell: Cell, redirect_uri: str, code: str, pending: Pending) -> dict[str, Any]:
    """What the provider says of the person, its signature and its claims checked."""
    from authlib.common.errors import AuthlibBaseError
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    provider = _provider(cell)
    try:
        with _client(cell, redirect_uri) as client:
            given = client.fetch_token(
                provider.token_endpoint, code=code, code_verifier=pending.verifier, timeout=SECONDS
            )
        keys = KeySet.import_key_set(_fetched(provider.jwks_uri))
        token = jwt.decode(str(given.get("id_token", "")), keys, algorithms=ALGORITHMS)
        jwt.JWTClaimsRegistry(
            now=cell.clock.micros() // 1_000_000,
            leeway=LEEWAY,
            iss={"essential": True, "value": provider.issuer},
            aud={"essential": True, "value": cell.settings.openid_client},
            nonce={"essential": True, "value": pending.nonce},
            exp={"essential": True},
        ).validate(token.claims)
    except (AuthlibBaseError, JoseError, requests.RequestException, ValueError, KeyError) as error:
        log.warning("openid_refused", error=type(error).__name__)
        raise OpenIdRefused("what it answered is not to be trusted") from None
    claims: dict[str, Any] = token.claims
    if isinstance(claims["aud"], list) and claims.get("azp") != cell.settings.openid_client:
        raise OpenIdRefused("its answer is for somebody else")
    if not _is_fresh(claims.get("auth_time"), pending, cell.clock.micros()):
        raise OpenIdRefused("it did not ask who you are: sign in there again")
    return claims


def _is_fresh(auth_time: Any, pending: Pending, now: int) -> bool:
    """Whether the person signed in at the provider after the sign-in here was begun.

    That was asked for by `max_age=0`: then a provider has to say when it was.
    """
    if type(auth_time) not in (int, float):
        return False
    begun, until = pending.at / 1_000_000 - LEEWAY, now / 1_000_000 + LEEWAY
    return bool(begun <= auth_time <= until)


def _client(cell: Cell, redirect_uri: str) -> Any:
    try:
        from authlib.integrations.requests_client import OAuth2Session
    except ImportError:
        raise OpenIdRefused('here it needs pip install "oms-ledger[oidc]"') from None
    settings = cell.settings
    client = OAuth2Session(
        settings.openid_client,
        settings.openid_secret,
        scope="openid email",
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    )
    client.trust_env, client.max_redirects = False, 0
    return client


def _provider(cell: Cell) -> Provider:
    """What the issuer publishes; its addresses are https, or on this machine."""
    issuer = cell.settings.openid_issuer or ""
    try:
        found = _fetched(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        provider = msgspec.convert(found, Provider)
    except (requests.RequestException, ValueError) as error:
        log.warning("openid_unavailable", error=type(error).__name__)
        raise OpenIdRefused("it does not answer") from None
    addresses = (provider.authorization_endpoint, provider.token_endpoint, provider.jwks_uri)
    if provider.issuer != issuer or not all(_is_safe(one) for one in addresses):
        raise OpenIdRefused("it is not the issuer that OMS_OIDC_ISSUER names")
    return provider


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def _fetched(address: str) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(address, timeout=SECONDS, allow_redirects=False)
        answer.raise_for_status()
        return answer.json()
