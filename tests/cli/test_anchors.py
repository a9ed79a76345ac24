"""Signed anchors and proofs of one order: made, kept, and every way to forge them (G67)."""

import asyncio
import copy
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from sqlalchemy import text
from typer.testing import CliRunner

from oms_ledger.cell import Cell
from oms_ledger.cli import app
from oms_ledger.eventstore import anchors
from oms_ledger.eventstore.integrity import IntegrityError, verify
from oms_ledger.eventstore.proof import BrokenProof, UnprovableEvent, check_proof, make_proof
from oms_ledger.eventstore.records import order_stream
from oms_ledger.services.ops.anchoring import anchor, anchor_when_due, read_anchors
from oms_ledger.web import build
from tests.cli.test_seal import reseal
from tests.support.client import Client
from tests.support.clock import set_clock
from tests.support.purchases import ACCOUNT, open_account, place_paid
from tests.support.time_stamp_authority import authority, imprint_of


def key_files(folder: Path, name: str) -> tuple[Path, Path]:
    """A private key and its public one, in PEM."""
    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return key_files(tmp_path, "seal")


def story(cell: Cell, first: int, last: int) -> None:
    async def recorded() -> None:
        if first == 1:
            await open_account(cell.ledger)
        for number in range(first, last + 1):
            await place_paid(cell.ledger, f"v{number}-01", number)

    asyncio.run(recorded())


def walk(cell: Cell) -> None:
    for _ in verify(cell.store, cell.store.head(), anchors=anchors.kept(cell.database)):
        pass


def with_settings(cell: Cell, **settings: Any) -> Cell:
    object.__setattr__(cell, "settings", replace(cell.settings, **settings))
    return cell


@pytest.mark.guarantee("G67")
def test_an_anchor_is_signed_kept_and_appended(cell, keys, tmp_path):
    private, public = keys
    story(with_settings(cell, anchor_file=tmp_path / "anchors"), 1, 3)
    first = anchor(cell, private)
    story(cell, 4, 5)
    second = anchor(cell, private)
    assert anchor(cell, private) == second, "nothing was recorded since"
    assert anchors.kept(cell.database) == [first, second]
    assert read_anchors(tmp_path / "anchors") == [first, second]
    assert second.position == cell.store.head()
    key = anchors.read_public_key(public)
    assert first.is_signed_by(key)
    assert not replace(first, position=first.position + 1).is_signed_by(key)
    assert not replace(first, at=second.at).is_signed_by(key)
    walk(cell)


@pytest.mark.guarantee("G67")
def test_the_scheduler_anchors_when_it_is_time_and_there_is_news(cell, keys):
    story(cell, 1, 1)
    assert anchor_when_due(cell) is None, "without a key nothing is signed"
    with_settings(cell, seal_key_file=keys[0], seal_every=3600)
    first = anchor_when_due(cell)
    assert first is not None
    story(cell, 2, 2)
    assert anchor_when_due(cell) is None
    before = cell.clock.now()
    set_clock(cell, first.at.replace(year=first.at.year + 1))
    assert anchor_when_due(cell).position == cell.store.head()
    assert anchor_when_due(cell) is None
    set_clock(cell, before)


@pytest.mark.guarantee("G67")
@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE anchors SET seal = root",
        "UPDATE anchors SET root = seal",
        "UPDATE anchors SET size = size + 1",
        "UPDATE anchors SET position = position + 1000",
    ],
)
def test_an_anchor_that_was_altered_is_found(cell, keys, tampering):
    story(cell, 1, 2)
    anchor(cell, keys[0])
    story(cell, 3, 3)
    walk(cell)
    with cell.database.writing() as connection:
        connection.execute(text(tampering))
    with pytest.raises(IntegrityError):
        walk(cell)


@pytest.mark.guarantee("G67")
def test_a_chain_that_was_made_anew_is_not_the_anchored_one(cell, keys):
    story(cell, 1, 2)
    held = anchor(cell, keys[0])
    with cell.database.writing() as connection:
        connection.execute(text("UPDATE events SET actor = 'nobody' WHERE position = 3"))
    reseal(cell)
    with pytest.raises(IntegrityError) as found:
        walk(cell)
    assert found.value.position == held.position
    with pytest.raises(UnprovableEvent):
        make_proof(cell.store, order_stream(ACCOUNT, "v1-01"), held)


@pytest.mark.guarantee("G67")
def test_broken_peaks_do_not_stop_the_next_anchor(cell, keys):
    story(cell, 1, 2)
    anchor(cell, keys[0])
    with cell.database.writing() as connection:
        connection.execute(text("UPDATE anchors SET peaks = seal"))
    story(cell, 3, 3)
    assert anchor(cell, keys[0]).position == cell.store.head()
    walk(cell)


@pytest.mark.guarantee("G67")
def test_an_order_is_proved_without_the_ledger(cell, keys):
    private, public = keys
    story(cell, 1, 5)
    held = anchor(cell, private)
    story(cell, 6, 6)
    key = anchors.read_public_key(public)
    for number in range(1, 6):
        stream = order_stream(ACCOUNT, f"v{number}-01")
        proof = orjson.loads(orjson.dumps(make_proof(cell.store, stream, held)))
        proved = check_proof(proof, key)
        assert list(proved.events) == [
            row._replace(body=bytes(row.body), personal=row.personal and bytes(row.personal))
            for row in cell.store.stream(stream)
        ]
        assert proved.anchor == held
    assert make_proof(cell.store, order_stream(ACCOUNT, "v6-01"), held)["events"] == []


def changed_proofs(proof):
    """A proof with one thing changed, each thing once."""

    def forged(change):
        other = copy.deepcopy(proof)
        change(other)
        return other

    for name in ("actor", "name", "status", "at", "body", "personal", "position", "version"):

        def one(other, name=name):
            value = other["events"][0][name]
            other["events"][0][name] = value + 1 if isinstance(value, int) else "e30="

        yield f"event {name}", forged(one)
    yield "stream", forged(lambda other: other.update(stream=f"{ACCOUNT}/v9-01"))
    yield "event left out", forged(lambda other: other["events"].pop(0))
    yield "group left out", forged(lambda other: other["groups"].pop())
    yield "path", forged(lambda other: other["groups"][0]["path"].reverse())
    yield "path cut", forged(lambda other: other["groups"][0]["path"].pop())
    yield "digest", forged(lambda other: other["groups"][0].update(before="00" * 32))
    yield "first", forged(lambda other: other["groups"][0].update(first=1000))
    yield "negative", forged(lambda other: other["groups"][0].update(first=-1000))

    def moved(other):
        for part, name in (("events", "position"), ("groups", "first")):
            for one in other[part]:
                one[name] += 7

    yield "positions", forged(moved)
    yield "index", forged(lambda other: other["groups"][0].update(index=1))
    yield "root", forged(lambda other: other["anchor"].update(root="00" * 32))
    yield "time", forged(lambda other: other["anchor"].update(at="2020-01-01T00:00:00+00:00"))
    yield "size", forged(lambda other: other["anchor"].update(size=10**12))
    yield "no anchor", forged(lambda other: other.pop("anchor"))
    yield "no form", forged(lambda other: other.update(form="other"))
    yield "nothing", {}
    yield "list", []


@pytest.mark.guarantee("G67")
def test_a_forged_proof_does_not_hold(cell, keys, tmp_path):
    private, public = keys
    story(cell, 1, 5)
    held = anchor(cell, private)
    proof = make_proof(cell.store, order_stream(ACCOUNT, "v3-01"), held)
    key = anchors.read_public_key(public)
    check_proof(proof, key)
    for what, forged in changed_proofs(proof):
        with pytest.raises(BrokenProof):
            pytest.fail(f"{what}: {check_proof(forged, key)}")
    other = anchors.read_public_key(key_files(tmp_path, "other")[1])
    with pytest.raises(BrokenProof, match="not signed by this key"):
        check_proof(proof, other)


@pytest.mark.guarantee("G67")
def test_a_time_stamp_is_kept_with_its_anchor(cell, keys):
    story(cell, 1, 2)
    with authority() as tsa:
        with_settings(
            cell, timestamp_url=tsa.url, hook_allowed_networks=(ip_network("127.0.0.0/8"),)
        )
        held = anchor(cell, keys[0])
        assert held.time_stamp is not None
        assert imprint_of(held.statement()) in held.time_stamp
        assert anchors.newest(cell.database) == held
        tsa.status = 2
        story(cell, 3, 3)
        assert anchor(cell, keys[0]).time_stamp is None, "refused: kept without"
    walk(cell)


@pytest.mark.guarantee("G67")
def test_commands_seal_prove_and_check(cell, keys, tmp_path, monkeypatch):
    private, public = keys
    story(with_settings(cell, seal_key_file=private, anchor_file=tmp_path / "anchors"), 1, 3)
    monkeypatch.setattr("oms_ledger.cli.opening.open_cell", lambda: cell)
    monkeypatch.setattr("oms_ledger.cli.maintenance.stale_views", lambda _: [])
    run = CliRunner().invoke
    sealed = run(app, ["seal", "--json"])
    assert orjson.loads(sealed.output) == anchors.newest(cell.database).fields()
    proof = tmp_path / "proof"
    proof.write_text(run(app, ["proof", "v2-01", "--account", ACCOUNT]).output)
    checked = run(app, ["proof", "--check", str(proof), "--public-key", str(public), "--json"])
    assert checked.exit_code == 0
    assert orjson.loads(checked.output)["signed"] is True
    said = run(app, ["proof", "--check", str(proof)])
    assert (said.exit_code, "not checked" in said.output) == (0, True)
    proof.write_text(proof.read_text().replace(f"{ACCOUNT}/v2-01", f"{ACCOUNT}/v3-01"))
    assert run(app, ["proof", "--check", str(proof), "--public-key", str(public)]).exit_code == 1
    kept = ["verify", "--anchors", str(tmp_path / "anchors")]
    assert run(app, [*kept, "--public-key", str(public)]).exit_code == 0
    other = key_files(tmp_path, "other")[1]
    assert run(app, [*kept, "--public-key", str(other)]).exit_code == 1
    with cell.database.writing() as connection:
        connection.execute(text("DELETE FROM anchors"))
        connection.execute(text("UPDATE events SET actor = 'nobody' WHERE position = 3"))
    reseal(cell)
    assert run(app, ["verify"]).exit_code == 0, "who writes the database hides it there"
    assert run(app, kept).exit_code == 1, "and not from a file elsewhere"


@pytest.mark.guarantee("G67")
def test_the_api_hands_the_anchor_to_the_deployment_alone(cell, keys, monkeypatch):
    with_settings(cell, metrics_token="a-token-of-the-deployment")
    story(cell, 1, 2)
    client = Client(build(cell))
    bearer = {"Authorization": "Bearer a-token-of-the-deployment"}
    assert client.call("GET", "/api/ledger/seal").status == 404
    unsigned = client.call("GET", "/api/ledger/seal", **bearer).json()
    assert (unsigned["position"], unsigned["signature"]) == (cell.store.head(), None)
    held = anchor(cell, keys[0])
    assert client.call("GET", "/api/ledger/seal", **bearer).json() == held.fields()
