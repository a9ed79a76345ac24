"""Everything a deployment may choose, read from the environment in one place.

A setting that is not given, or given empty, has a default that works on a laptop. A setting
that cannot be understood stops the start with a sentence that says what to write instead.
"""

import base64
import binascii
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TypeVar

from oms_ledger.settings import addresses
from oms_ledger.settings.addresses import SettingsError as SettingsError

Network = IPv4Network | IPv6Network
T = TypeVar("T")

MEBIBYTE = 1024 * 1024
SWITCH = {
    **dict.fromkeys(("on", "true", "yes", "1"), True),
    **dict.fromkeys(("off", "false", "no", "0"), False),
}
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
JSONATA_ENGINES = ("auto", "jlens", "jsonata-python")


DEMO_ACCOUNT = "demo"


@dataclass(frozen=True)
class ClaimedRole:
    """The role in an account of those of whom the OpenID provider claims a value."""

    claim: str
    value: str
    account: str
    role: str


@dataclass(frozen=True)
class AllowedNetwork:
    """A network that may be called although it is private: whole or one port, by all or one."""

    network: Network
    port: int | None = None
    account: str | None = None


@dataclass(frozen=True)
class Settings:
    """What the environment says of a deployment; each field names its variable."""

    data_dir: Path = field(default_factory=lambda: Path("data").absolute())
    """OMS_DATA_DIR: the folder for whatever this deployment keeps on disk."""

    database_url: str = field(default="", repr=False)
    """OMS_DATABASE_URL: PostgreSQL in any form that libpq reads, with one host or several, or
    `sqlite:///path`; a file in `data_dir` if not given.

    The path of a SQLite file is absolute here, whatever was given.
    """

    read_database_url: str | None = field(default=None, repr=False)
    """OMS_READ_DATABASE_URL: a streaming replica of it that may serve lists and documents.

    Of several hosts a standby is preferred. None: the primary serves everything.
    """

    prepare: bool = True
    """OMS_PREPARE: whether PostgreSQL keeps statements prepared; off behind a pooler of
    transactions, like pgbouncer before 1.21.
    """

    redis_url: str | None = field(default=None, repr=False)
    """REDIS_URL: the Redis or Valkey to use. None: the embedded server is started."""

    host: str = "127.0.0.1"
    """OMS_HOST: the address the web process listens on."""

    port: int = 8080
    """OMS_PORT: the port the web process listens on."""

    public_url: str | None = None
    """OMS_PUBLIC_URL: where people reach the back office, like `https://oms.example.com`.

    None: it opens on loopback addresses alone, because it takes a password over http there only.
    """

    openid_issuer: str | None = None
    """OMS_OIDC_ISSUER: the OpenID provider by which people sign in to the back office, like
    `https://accounts.example.com`; needs `pip install "oms-ledger[oidc]"`.
    """

    openid_client: str = ""
    """OMS_OIDC_CLIENT_ID: the name of this deployment at the provider."""

    openid_secret: str = field(default="", repr=False)
    """OMS_OIDC_CLIENT_SECRET: what proves it there."""

    openid_roles: tuple[ClaimedRole, ...] = ()
    """OMS_OIDC_ROLES: roles that follow from claims of the provider, like
    `groups store-owners=acme:Owner; groups desk=acme:OMS - Read only`. In the accounts that it
    names roles are given, changed and taken at each sign-in by the provider.
    """

    passwords: bool = True
    """OMS_PASSWORDS: whether people may sign in by a password too."""

    demo: bool = False
    """OMS_DEMO: whether `up` sets up the account `demo` with sample orders and a hook receiver.

    The receiver's own address is then open to hooks of that account, so the host has to be
    loopback.
    """

    master_key: bytes | None = field(default=None, repr=False)
    """OMS_MASTER_KEY: 32 bytes in base64 that wrap the keys of personal data.

    OMS_MASTER_KEY_FILE names a file with them instead. None: the key is kept in a file of mode
    600 in `data_dir`.
    """

    seal_key_file: Path | None = None
    """OMS_SEAL_KEY_FILE: an Ed25519 private key in PEM that signs anchors of the ledger.

    The scheduler and `oms-ledger seal` read it; the web process has no need of it.
    """

    seal_every: int = 3600
    """OMS_SEAL_EVERY: seconds between two anchors of the scheduler."""

    anchor_file: Path | None = None
    """OMS_ANCHOR_FILE: a file that each anchor is appended to, a line of JSON each."""

    timestamp_url: str | None = None
    """OMS_TIMESTAMP_URL: an authority of RFC 3161 that time-stamps each anchor."""

    hook_allowed_networks: tuple[Network | AllowedNetwork, ...] = ()
    """OMS_HOOK_ALLOWED_NETWORKS: private networks, or single ports of them, that may be called."""

    partners: str = "*"
    """OMS_PARTNERS: all or none; whom an account names as its partners that does not say."""

    trusted_proxies: tuple[Network, ...] = ()
    """OMS_TRUSTED_PROXIES: networks of proxies whose `X-Forwarded-Proto` and `-Host` count."""

    hook_expiry: bool = True
    """OMS_HOOK_EXPIRY: whether a hook without a notification for 3 days, and none pending, is
    removed.
    """

    feed_expiry: bool = True
    """OMS_FEED_EXPIRY: whether a feed without a new item for its retention period is removed."""

    idempotency_days: int = 30
    """OMS_IDEMPOTENCY_DAYS: how long an `Idempotency-Key` is known; 0 is for ever."""

    smtp_url: str | None = field(default=None, repr=False)
    """OMS_SMTP_URL: where mails go out, `smtp[s]://user:pass@host:port?starttls=required`.

    None: mails are recorded, and none is sent.
    """

    mail_from: str = "no-reply@localhost"
    """OMS_MAIL_FROM: the sender of mails that name no other, like `Store <no-reply@store.com>`."""

    web_processes: int = 1
    """OMS_WEB_PROCESSES: how many web processes `oms-ledger up` and `serve` start."""

    worker_processes: int = 1
    """OMS_WORKER_PROCESSES: how many worker processes `oms-ledger up` starts."""

    metrics_port: int | None = None
    """OMS_METRICS_PORT: a port of its own for the metrics, which need no token there."""

    metrics_host: str = "127.0.0.1"
    """OMS_METRICS_HOST: the address that this port is on."""

    metrics_token: str | None = field(default=None, repr=False)
    """OMS_METRICS_TOKEN: what opens `/metrics` on the public port, as `Authorization: Bearer`."""

    body_limit: int = 10 * MEBIBYTE
    """OMS_BODY_LIMIT: the longest request body that is read, in bytes."""

    request_deadline: int = 10
    """OMS_REQUEST_DEADLINE: seconds after which a request records nothing any more."""

    log_level: str = "info"
    """OMS_LOG_LEVEL: debug, info, warning, error or critical."""

    jsonata_engine: str = "auto"
    """OMS_JSONATA_ENGINE: jlens, jsonata-python, or auto, which takes jlens where it is there."""

    cell: str | None = None
    """OMS_CELL: the name of this cell, where there are several; all share one master key."""

    directory_url: str | None = field(default=None, repr=False)
    """OMS_DIRECTORY_URL: the database that says which cell hosts each account."""

    def __post_init__(self) -> None:
        if not self.database_url:
            default = f"sqlite:///{self.data_dir / 'ledger.sqlite3'}"
            object.__setattr__(self, "database_url", default)

    @property
    def receiver_port(self) -> int:
        """Where the demo's hook receiver listens, on 127.0.0.1."""
        return self.port + 1

    def networks_of(self, account: str) -> tuple[AllowedNetwork, ...]:
        """The private networks that an account's hooks, gateway and sellers may be called in."""
        allowed = [
            one if isinstance(one, AllowedNetwork) else AllowedNetwork(one)
            for one in self.hook_allowed_networks
        ]
        if self.demo:
            receiver = ip_network("127.0.0.1/32")
            allowed.append(AllowedNetwork(receiver, self.receiver_port, DEMO_ACCOUNT))
        return tuple(one for one in allowed if one.account in (None, account))

    @property
    def sqlite_path(self) -> Path | None:
        """The file the ledger is in, or None when it is in PostgreSQL."""
        scheme, _, path = self.database_url.partition(":///")
        return Path(path) if scheme == "sqlite" else None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the environment; `InvalidSetting` names the variable that is wrong."""
        given = {}
        environ = _with_files(environ)
        for name, (variable, read) in VARIABLES.items():
            text = environ.get(variable, "").strip()
            if text:
                given[name] = read(variable, text)
        settings = cls(**given)  # type: ignore[arg-type]
        if settings.demo and not is_loopback(settings.host):
            raise SettingsError("OMS_DEMO", found="on", expected="off where OMS_HOST is public")
        if settings.read_database_url and settings.sqlite_path:
            expected = "left out where the ledger is in SQLite"
            raise SettingsError("OMS_READ_DATABASE_URL", found="a replica", expected=expected)
        missing = not (settings.openid_client and settings.openid_secret)
        if settings.openid_issuer and missing:
            expected = "OMS_OIDC_CLIENT_ID and OMS_OIDC_CLIENT_SECRET beside it"
            raise SettingsError("OMS_OIDC_ISSUER", found="alone", expected=expected)
        if settings.openid_roles and not settings.openid_issuer:
            raise SettingsError(
                "OMS_OIDC_ROLES", found="alone", expected="OMS_OIDC_ISSUER beside it"
            )
        if settings.cell and not settings.directory_url:
            expected = "OMS_DIRECTORY_URL beside it"
            raise SettingsError("OMS_CELL", found="alone", expected=expected)
        if not settings.passwords and not settings.openid_issuer:
            raise SettingsError("OMS_PASSWORDS", found="off", expected="on without OMS_OIDC_ISSUER")
        return settings


SECRETS = (
    *("OMS_MASTER_KEY", "OMS_DATABASE_URL", "REDIS_URL", "OMS_SMTP_URL", "OMS_METRICS_TOKEN"),
    *("OMS_OIDC_CLIENT_SECRET", "OMS_READ_DATABASE_URL", "OMS_DIRECTORY_URL"),
)
"""Variables that may be given as a file: `OMS_MASTER_KEY_FILE` and so on."""


def _with_files(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment with the secrets that files hold, unless they are given themselves."""
    read = {}
    for secret in SECRETS:
        variable = f"{secret}_FILE"
        file = environ.get(variable, "").strip()
        if not file or environ.get(secret, "").strip():
            continue
        try:
            read[secret] = Path(file).expanduser().read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            found = f"not readable ({type(error).__name__})"
            raise SettingsError(variable, found=found, expected="a file with its value") from None
    return {**environ, **read}


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on the host."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _path(_: str, text: str) -> Path:
    return Path(text).expanduser().absolute()


def _token(variable: str, text: str) -> str:
    if len(text) < 16 or not text.isascii() or not text.isprintable():
        raise SettingsError(variable, found="too short", expected="16 signs or more")
    return text


def _text(_: str, text: str) -> str:
    return text


CELL_NAME = r"[a-z][a-z0-9-]{0,19}"


def _cell_name(variable: str, text: str) -> str:
    if not re.fullmatch(CELL_NAME, text):
        expected = "20 small letters, digits and hyphens at most, a letter first"
        raise SettingsError(variable, found=repr(text), expected=expected)
    return text


def _switch(variable: str, text: str) -> bool:
    return _one_of(SWITCH, "on or off")(variable, text)


def _number(lowest: int, highest: int | None = None) -> Callable[[str, str], int]:
    bounds = f"from {lowest} to {highest}" if highest else f"of at least {lowest}"

    def read(variable: str, text: str) -> int:
        if re.fullmatch(r"[0-9]{1,18}", text):
            number = int(text)
            if lowest <= number and (highest is None or number <= highest):
                return number
        raise SettingsError(variable, found=repr(text), expected=f"a whole number {bounds}")

    return read


def _one_of(meanings: Mapping[str, T], expected: str) -> Callable[[str, str], T]:
    def read(variable: str, text: str) -> T:
        try:
            return meanings[text.lower()]
        except KeyError:
            raise SettingsError(variable, found=repr(text), expected=expected) from None

    return read


def _word(words: tuple[str, ...]) -> Callable[[str, str], str]:
    return _one_of({word: word for word in words}, f"one of {', '.join(words)}")


def _key(variable: str, text: str) -> bytes:
    expected = "32 bytes in base64, as `openssl rand -base64 32` prints them"
    try:
        key = base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)
    except binascii.Error:
        raise SettingsError(variable, found="not base64", expected=expected) from None
    if len(key) != 32:
        raise SettingsError(variable, found=f"{len(key)} bytes long", expected=expected)
    return key


def _networks(variable: str, text: str) -> tuple[Network | AllowedNetwork, ...]:
    return tuple(_network(variable, part) for part in map(str.strip, text.split(",")) if part)


def _claimed_roles(variable: str, text: str) -> tuple[ClaimedRole, ...]:
    return tuple(_claimed_role(variable, part) for part in map(str.strip, text.split(";")) if part)


def _claimed_role(variable: str, text: str) -> ClaimedRole:
    claimed, _, given = text.rpartition("=")
    claim, _, value = claimed.partition(" ")
    account, _, role = given.partition(":")
    parts = (claim, value.strip(), account.strip(), role.strip())
    if not all(parts):
        raise SettingsError(variable, found=repr(text), expected="like groups desk=acme:Owner")
    return ClaimedRole(*parts)


def _plain_networks(variable: str, text: str) -> tuple[Network, ...]:
    found = _networks(variable, text)
    if any(isinstance(one, AllowedNetwork) for one in found):
        raise SettingsError(variable, found=repr(text), expected="networks without ports")
    return tuple(one for one in found if not isinstance(one, AllowedNetwork))


_WITH_PORT = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:./]+)\]|(?P<four>[0-9./]+)):(?P<port>[0-9]{1,5})")


def _network(variable: str, text: str) -> Network | AllowedNetwork:
    try:
        if found := _WITH_PORT.fullmatch(text):
            port = int(found["port"])
            if 0 < port < 65536:
                return AllowedNetwork(ip_network(found["six"] or found["four"]), port)
        return ip_network(text)
    except ValueError:
        expected = (
            "a list of networks separated by commas, with or without a port,"
            " like 10.0.0.0/8,fd00::/8,127.0.0.1/32:9000"
        )
        raise SettingsError(variable, found=repr(text), expected=expected) from None


VARIABLES: dict[str, tuple[str, Callable[[str, str], object]]] = {
    "data_dir": ("OMS_DATA_DIR", _path),
    "database_url": ("OMS_DATABASE_URL", addresses.database_url),
    "read_database_url": ("OMS_READ_DATABASE_URL", addresses.postgres_url),
    "prepare": ("OMS_PREPARE", _switch),
    "redis_url": ("REDIS_URL", addresses.redis_url),
    "host": ("OMS_HOST", _text),
    "port": ("OMS_PORT", _number(1, 65535)),
    "public_url": ("OMS_PUBLIC_URL", addresses.origin),
    "openid_issuer": ("OMS_OIDC_ISSUER", addresses.web_address),
    "openid_client": ("OMS_OIDC_CLIENT_ID", _text),
    "openid_secret": ("OMS_OIDC_CLIENT_SECRET", _text),
    "openid_roles": ("OMS_OIDC_ROLES", _claimed_roles),
    "passwords": ("OMS_PASSWORDS", _switch),
    "demo": ("OMS_DEMO", _switch),
    "master_key": ("OMS_MASTER_KEY", _key),
    "seal_key_file": ("OMS_SEAL_KEY_FILE", _path),
    "seal_every": ("OMS_SEAL_EVERY", _number(1)),
    "anchor_file": ("OMS_ANCHOR_FILE", _path),
    "timestamp_url": ("OMS_TIMESTAMP_URL", addresses.web_address),
    "hook_allowed_networks": ("OMS_HOOK_ALLOWED_NETWORKS", _networks),
    "partners": ("OMS_PARTNERS", _one_of({"all": "*", "none": ""}, "all or none")),
    "trusted_proxies": ("OMS_TRUSTED_PROXIES", _plain_networks),
    "hook_expiry": ("OMS_HOOK_EXPIRY", _switch),
    "feed_expiry": ("OMS_FEED_EXPIRY", _switch),
    "idempotency_days": ("OMS_IDEMPOTENCY_DAYS", _number(0, 36500)),
    "smtp_url": ("OMS_SMTP_URL", addresses.smtp_url),
    "mail_from": ("OMS_MAIL_FROM", _text),
    "web_processes": ("OMS_WEB_PROCESSES", _number(1)),
    "worker_processes": ("OMS_WORKER_PROCESSES", _number(1)),
    "metrics_port": ("OMS_METRICS_PORT", _number(1, 65535)),
    "metrics_host": ("OMS_METRICS_HOST", _text),
    "metrics_token": ("OMS_METRICS_TOKEN", _token),
    "body_limit": ("OMS_BODY_LIMIT", _number(1)),
    "request_deadline": ("OMS_REQUEST_DEADLINE", _number(1, 300)),
    "log_level": ("OMS_LOG_LEVEL", _word(LOG_LEVELS)),
    "jsonata_engine": ("OMS_JSONATA_ENGINE", _word(JSONATA_ENGINES)),
    "cell": ("OMS_CELL", _cell_name),
    "directory_url": ("OMS_DIRECTORY_URL", addresses.database_url),
}
