import base64
from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path

import pytest

from oms_ledger.settings import VARIABLES, AllowedNetwork, Settings, SettingsError


def read(**environ: str) -> Settings:
    return Settings.from_environment(environ)


def test_an_empty_environment_is_a_laptop():
    settings = read()
    assert settings == Settings()
    assert settings.data_dir == Path.cwd() / "data"
    assert settings.sqlite_path == Path.cwd() / "data" / "ledger.sqlite3"
    assert (settings.host, settings.port, settings.redis_url) == ("127.0.0.1", 8080, None)
    assert settings.body_limit == 10_485_760


def test_every_setting_has_its_variable():
    assert [setting.name for setting in fields(Settings)] == list(VARIABLES)


def test_a_variable_that_is_given_empty_is_not_given():
    assert read(**{variable: " " for variable, _ in VARIABLES.values()}) == Settings()


def test_the_default_database_lies_in_the_data_folder(tmp_path):
    settings = read(OMS_DATA_DIR=str(tmp_path))
    assert settings.database_url == f"sqlite:///{tmp_path}/ledger.sqlite3"


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ("postgresql://oms:pw@db:5432/oms?sslmode=require",) * 2,
        ("postgres://db/oms", "postgresql://db/oms"),
        ("postgresql:///oms?host=/run/postgresql",) * 2,
        ("postgresql://oms@one:5432,two:5433/oms?target_session_attrs=read-write",) * 2,
        ("postgresql://oms@/oms?host=one,two&port=5432,5433",) * 2,
        ("host=one,two port=5432,5433 dbname=oms user=oms",) * 2,
        ("sqlite:////srv/oms.db", "sqlite:////srv/oms.db"),
        ("sqlite:///oms.db", f"sqlite:///{Path.cwd()}/oms.db"),
    ],
)
def test_addresses_of_databases(given, understood):
    settings = read(OMS_DATABASE_URL=given)
    assert settings.database_url == understood
    assert (settings.sqlite_path is None) == (not given.startswith("sqlite"))


def test_a_whole_deployment():
    key = bytes(range(32))
    settings = read(
        REDIS_URL="redis://cache:6379/2",
        OMS_HOST="0.0.0.0",
        OMS_PORT="80",
        OMS_TRUSTED_PROXIES="10.0.0.1/32, fd00::/8",
        OMS_PREPARE="off",
        OMS_DEMO="off",
        OMS_MASTER_KEY=base64.b64encode(key).decode(),
        OMS_HOOK_ALLOWED_NETWORKS="10.0.0.0/8, fd00::/8",
        OMS_PARTNERS="none",
        OMS_HOOK_EXPIRY="Off",
        OMS_FEED_EXPIRY="0",
        OMS_IDEMPOTENCY_DAYS="0",
        OMS_WEB_PROCESSES="4",
        OMS_WORKER_PROCESSES="2",
        OMS_METRICS_PORT="9100",
        OMS_METRICS_HOST="10.0.0.2",
        OMS_METRICS_TOKEN="a-token-of-scrapers",
        OMS_BODY_LIMIT="1024",
        OMS_REQUEST_DEADLINE="30",
        OMS_LOG_LEVEL="WARNING",
        OMS_JSONATA_ENGINE="jlens",
    )
    assert settings == Settings(
        redis_url="redis://cache:6379/2",
        host="0.0.0.0",
        port=80,
        trusted_proxies=(ip_network("10.0.0.1/32"), ip_network("fd00::/8")),
        prepare=False,
        demo=False,
        master_key=key,
        hook_allowed_networks=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")),
        partners="",
        hook_expiry=False,
        feed_expiry=False,
        idempotency_days=0,
        web_processes=4,
        worker_processes=2,
        metrics_port=9100,
        metrics_host="10.0.0.2",
        metrics_token="a-token-of-scrapers",
        body_limit=1024,
        request_deadline=30,
        log_level="warning",
        jsonata_engine="jlens",
    )


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("OMS_PORT", "http", "OMS_PORT is 'http', but should be a whole number from 1 to 65535."),
        ("OMS_PORT", "65536", "'65536', but should be a whole number from 1 to 65535"),
        ("OMS_PORT", "٨", "whole number"),
        ("OMS_WEB_PROCESSES", "0", "'0', but should be a whole number of at least 1"),
        ("OMS_WORKER_PROCESSES", "-1", "whole number of at least 1"),
        ("OMS_BODY_LIMIT", "10MB", "whole number"),
        ("OMS_METRICS_TOKEN", "short", "16 signs or more"),
        (
            "OMS_PUBLIC_URL",
            "oms.example.com",
            "an address without a path, like https://oms.example.com",
        ),
        ("OMS_DEMO", "maybe", "OMS_DEMO is 'maybe', but should be on or off."),
        ("OMS_HOOK_EXPIRY", "2", "on or off"),
        ("OMS_PARTNERS", "some", "all or none"),
        ("OMS_TRUSTED_PROXIES", "proxy", "a list of networks separated by commas"),
        ("OMS_FEED_EXPIRY", "never", "on or off"),
        ("OMS_LOG_LEVEL", "loud", "'loud', but should be one of debug, info, warning"),
        ("OMS_JSONATA_ENGINE", "fast", "one of auto, jlens, jsonata-python"),
        ("OMS_MASTER_KEY", "*secret*", "OMS_MASTER_KEY is not base64, but should be 32 bytes"),
        ("OMS_MASTER_KEY", "c2hvcnQ=", "OMS_MASTER_KEY is 5 bytes long, but should be 32 bytes"),
        ("OMS_HOOK_ALLOWED_NETWORKS", "10.0.0.0/8,home", "'home', but should be a list of net"),
        ("OMS_HOOK_ALLOWED_NETWORKS", "10.0.0.1/8", "'10.0.0.1/8'"),
        ("OMS_DATABASE_URL", "mysql://db/oms", "'mysql://db/oms', but should be postgresql://"),
        ("OMS_DATABASE_URL", "sqlite://", "sqlite:///path/to/file"),
        ("OMS_DATABASE_URL", "postgresql://db/oms?colour=red", "is another form"),
        ("OMS_DATABASE_URL", "host=db hunter2", "is another form"),
        ("OMS_READ_DATABASE_URL", "sqlite:///replica.db", "postgresql://user:password@host"),
        ("OMS_READ_DATABASE_URL", "host=standby", "left out where the ledger is in SQLite"),
        (
            "REDIS_URL",
            "redis+sentinel://one:26379,two",
            "redis+sentinel://host:port,host:port/name",
        ),
        ("OMS_DATABASE_URL", "sqlite:///:memory:", "sqlite:///path/to/file"),
        ("OMS_DATABASE_URL", "ledger.db", "'ledger.db'"),
        ("REDIS_URL", "localhost:6379", "REDIS_URL is 'localhost:6379', but should be redis://"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(variable, value, sentence):
    with pytest.raises(SettingsError) as error:
        read(**{variable: value})
    assert error.value.variable == variable
    assert str(error.value).startswith(f"{variable} is ")
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OMS_DATABASE_URL", "mysql://oms:hunter2@db/oms"),
        ("OMS_DATABASE_URL", "mysql:oms:hunter2@db/oms"),
        ("OMS_DATABASE_URL", "mysql://[oms:hunter2@db/oms"),
        ("OMS_DATABASE_URL", "host=db password=hunter2 colour=red"),
        ("REDIS_URL", "http://:hunter2@cache"),
        ("REDIS_URL", "redis+sentinel://:hunter2@one,two"),
        ("OMS_MASTER_KEY", "hunter2"),
    ],
)
def test_secrets_are_not_shown_when_they_are_refused(variable, value):
    with pytest.raises(SettingsError) as error:
        read(**{variable: value})
    assert "hunter2" not in str(error.value)


def test_secrets_are_not_shown_when_settings_are_printed():
    settings = read(
        OMS_DATABASE_URL="postgresql://oms:hunter2@db/oms",
        REDIS_URL="redis://:hunter2@cache",
        OMS_MASTER_KEY=base64.b64encode(b"hunter2".ljust(32)).decode(),
    )
    assert "hunter2" not in repr(settings)


def test_a_network_may_be_opened_at_one_port():
    settings = read(OMS_HOOK_ALLOWED_NETWORKS="127.0.0.1/32:9000, [fd00::/8]:9001, 10.0.0.0/8")
    assert settings.hook_allowed_networks == (
        AllowedNetwork(ip_network("127.0.0.1/32"), 9000),
        AllowedNetwork(ip_network("fd00::/8"), 9001),
        ip_network("10.0.0.0/8"),
    )
    for wrong in ("127.0.0.1/32:0", "127.0.0.1/32:65536", "[fd00::/8]", "fd00::/8:x"):
        with pytest.raises(SettingsError):
            read(OMS_HOOK_ALLOWED_NETWORKS=wrong)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "oms.example.com", "::"])
def test_a_demo_is_refused_on_a_host_that_others_reach(host):
    assert not read(OMS_HOST=host).demo
    with pytest.raises(SettingsError):
        read(OMS_HOST=host, OMS_DEMO="on")
    for own in ("127.0.0.1", "localhost", "::1"):
        assert read(OMS_HOST=own, OMS_DEMO="on").demo


def test_the_master_key_may_lie_in_a_file(tmp_path):
    file, key = tmp_path / "key", bytes(range(32))
    file.write_text(base64.b64encode(key).decode() + "\n")
    assert read(OMS_MASTER_KEY_FILE=str(file)).master_key == key
    other = base64.b64encode(bytes(32)).decode()
    assert read(OMS_MASTER_KEY_FILE=str(file), OMS_MASTER_KEY=other).master_key == bytes(32)
    with pytest.raises(SettingsError) as error:
        read(OMS_MASTER_KEY_FILE=str(tmp_path / "none"))
    assert error.value.variable == "OMS_MASTER_KEY_FILE"


def test_other_secrets_may_lie_in_files(tmp_path):
    file = tmp_path / "address"
    file.write_text("postgresql://oms:hunter2@db/oms\n")
    assert read(OMS_DATABASE_URL_FILE=str(file)).database_url == "postgresql://oms:hunter2@db/oms"
    ledger = {"OMS_DATABASE_URL": "host=db", "OMS_READ_DATABASE_URL_FILE": str(file)}
    assert read(**ledger).read_database_url == "postgresql://oms:hunter2@db/oms"
    assert "hunter2" not in repr(read(**ledger))
    file.write_text("redis://:hunter2@cache/1")
    assert read(REDIS_URL_FILE=str(file)).redis_url == "redis://:hunter2@cache/1"
