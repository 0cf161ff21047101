"""What happens between the machines of a cluster, each for a while, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import redis

from tests.cluster.cluster import Cluster
from tests.cluster.machine import Machine

KINDS = ("cut", "loss", "vanished", "failover", "emptied", "no storage", "restart")
LOSS = (5, 25)  # of a hundred packets
# As if the longest lease had run out, of those that a machine holds that nobody hears of.
LEASES_END = """
    UPDATE articles_article SET lease_until = lease_until - interval '400 seconds'
    WHERE status = 'running' AND lease_owner LIKE '{host}/%'"""


def nothing() -> None:
    pass


@dataclass
class Trouble:
    """`kind` names it for sums, `said` for people. `expires`: whose articles others shall take meanwhile."""

    kind: str
    said: str
    begin: Callable[[], None]
    end: Callable[[], None] = nothing
    expires: Machine | None = None
    among_calls: bool = False  # it begins when paid calls are under way


class Troubles:
    """Of one cluster."""

    def __init__(self, cluster: Cluster, chance: random.Random) -> None:
        self._cluster, self._chance = cluster, chance
        self._makers: dict[str, Callable[[], Trouble]] = {
            "cut": self._cut, "loss": self._loss, "vanished": self._vanishing, "failover": self._failover,
            "emptied": self._emptied, "no storage": self._no_storage, "restart": self._restart,
        }  # fmt: skip

    def draw(self, number: int, among: Sequence[str] = KINDS) -> list[Trouble]:
        """Each kind of these at least once, as far as the number goes, in any order."""
        kinds = [*among, *self._chance.choices(among, k=max(number - len(among), 0))]
        self._chance.shuffle(kinds)
        return [self._makers[kind]() for kind in kinds[:number]]

    def _cut(self) -> Trouble:
        """Any two that speak to each other."""
        machine = self._chance.choice(self._cluster.machines)
        works = machine in self._cluster.workers
        parts = ["database", "queue", "storage", "site", "services"] if works else ["database", "queue", "proxy"]
        part = self._chance.choice(parts)
        network, address = self._cluster.network, self._cluster.address_of(part)
        return Trouble(
            "cut",
            f"{machine.host.name} cut off from {part}",
            lambda: network.cut(machine.host.address, address),
            lambda: network.join(machine.host.address, address),
            machine if works and part == "database" else None,
        )

    def _loss(self) -> Trouble:
        percent = self._chance.randint(*LOSS)
        network = self._cluster.network
        return Trouble(
            "loss", f"{percent} % of all packets lost", lambda: network.lose(percent), lambda: network.lose(0)
        )

    def _vanishing(self) -> Trouble:
        machine = self._chance.choice(self._cluster.machines)
        works = machine in self._cluster.workers
        return Trouble(
            "vanished",
            f"{machine.host.name} vanished and came back",
            machine.switch_off,
            machine.switch_on,
            machine if works else None,
            among_calls=works,
        )

    def _failover(self) -> Trouble:
        database = self._cluster.database
        return Trouble("failover", "PostgreSQL's standby took over", database.take_over, database.stand_by,
                       among_calls=True)  # fmt: skip

    def _emptied(self) -> Trouble:
        url = self._cluster.stack.galley.settings["GALLEY_BROKER_URL"]

        def empty() -> None:
            with redis.Redis.from_url(url) as queue:
                queue.flushall()

        return Trouble("emptied", "Redis emptied", empty)

    def _no_storage(self) -> Trouble:
        network, storage = self._cluster.network, self._cluster.address_of("storage")
        addresses = [machine.host.address for machine in self._cluster.machines]

        def cut() -> None:
            for address in addresses:
                network.cut(address, storage)

        def join() -> None:
            for address in addresses:
                network.join(address, storage)

        return Trouble("no storage", "the storage gone", cut, join)

    def _restart(self) -> Trouble:
        machine = self._chance.choice(self._cluster.machines)
        works = machine in self._cluster.workers
        return Trouble("restart", f"{machine.host.name} restarted in order", machine.ask_to_end, among_calls=works)
