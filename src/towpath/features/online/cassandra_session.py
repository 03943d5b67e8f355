"""Sessions with Cassandra: connecting, making the tables, and asking prepared statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    RoundRobinPolicy,
    TokenAwarePolicy,
)

from towpath.core.name import checked_name
from towpath.features.online.cassandra_statements import SAFE_TO_REPEAT, STATEMENTS, TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from cassandra.cluster import ResponseFuture, Session
    from cassandra.query import PreparedStatement

    from towpath.features.online.server_url import ServerUrl

KEYSPACE = "towpath"
MOST_REPLICAS = 3
RECONNECT_SECONDS = 0.5
SCHEMA_SECONDS = 30.0
INSERTS_AT_ONCE = 100


class Opened(NamedTuple):
    """A session of this process, with its statements."""

    cluster: Cluster
    session: Session
    statements: Mapping[str, PreparedStatement]

    @classmethod
    def to(cls, url: ServerUrl, level: int | None) -> Opened:
        """Connect, and make the keyspace and the tables where they are missing."""
        near = url.options["datacenter"]
        policy = DCAwareRoundRobinPolicy(near) if near else RoundRobinPolicy()
        profile = ExecutionProfile(
            load_balancing_policy=TokenAwarePolicy(policy),
            consistency_level=level,
            request_timeout=url.numbers["timeout"],
        )
        login = PlainTextAuthProvider(url.user, url.password) if url.user else None
        cluster = Cluster(
            url.hosts,
            port=url.port,
            auth_provider=login,
            connect_timeout=url.numbers["connect_timeout"],
            control_connection_timeout=url.numbers["connect_timeout"],
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            reconnection_policy=ConstantReconnectionPolicy(RECONNECT_SECONDS, None),
        )
        try:
            session = cluster.connect()
            _make_tables(session, url)
            statements = {name: session.prepare(text) for name, text in STATEMENTS.items()}
        except BaseException:
            cluster.shutdown()
            raise
        for name in SAFE_TO_REPEAT:
            statements[name].is_idempotent = True
        return cls(cluster, session, statements)

    def ask(self, name: str, *values: object) -> ResponseFuture:
        """Send a statement; its answer comes later."""
        return self.session.execute_async(self.statements[name], values)

    def first(self, name: str, *values: object) -> Any:  # noqa: ANN401 - a row of the library
        """Return the first row of an answer, or None."""
        return self.ask(name, *values).result().one()

    def settled(self, name: str, *values: object) -> Any:  # noqa: ANN401 - as above
        """Return the first row as it is after all transactions that are under way."""
        statement = self.statements[name].bind(values)
        statement.consistency_level = ConsistencyLevel.SERIAL
        return self.session.execute(statement).one()

    def all(self, name: str, values: Sequence[tuple[object, ...]]) -> None:
        """Run a statement with each of some values, many at the same time."""
        execute_concurrent_with_args(
            self.session, self.statements[name], values, concurrency=INSERTS_AT_ONCE
        )

    def applied(self, name: str, *values: object) -> bool:
        """Run a lightweight transaction."""
        return bool(self.ask(name, *values).result().was_applied)


def _make_tables(session: Session, url: ServerUrl) -> None:
    """Make the keyspace and the tables that are missing, and use them."""
    name = checked_name(url.name or KEYSPACE, "keyspace")
    copies = int(url.numbers["replication"]) or min(len(url.hosts), MOST_REPLICAS)
    keyspaces = session.cluster.metadata.keyspaces
    if name not in keyspaces:
        session.execute(
            f"CREATE KEYSPACE IF NOT EXISTS {name} WITH replication = "
            f"{{'class': 'NetworkTopologyStrategy', 'replication_factor': {copies}}}",
            timeout=SCHEMA_SECONDS,
        )
    session.set_keyspace(name)
    if name not in keyspaces or len(keyspaces[name].tables) < len(TABLES):
        for table in TABLES:
            session.execute(table, timeout=SCHEMA_SECONDS)
