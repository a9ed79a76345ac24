"""Orders behind a pooler that gives each transaction another connection."""

from pathlib import Path

from tests.soak.deployment import deployed, receiving, until
from tests.soak.followers import following, writing
from tests.support import servers

ORDERS = 6


def test_orders_live_behind_a_pooler_of_transactions(
    postgres_database_url: str, redis_url: str, tmp_path: Path
) -> None:
    pooled = servers.start_pgbouncer(postgres_database_url)
    settings = {"OMS_DATABASE_URL": pooled, "OMS_PREPARE": "off"}
    with (
        receiving() as receiver,
        deployed(tmp_path / "cell", postgres_database_url, redis_url, **settings) as deployment,
        following(deployment, receiver) as followers,
    ):
        with writing(deployment, ORDERS) as writer:
            writer.wait_for_answers(2 * ORDERS)
        until("every follower is at the head", deployment.settled)
        followers.require_everything_once(deployment, writer)
        assert writer.client.server_errors == []
