"""Hosts in namespaces: what is cut is dark and not refused, what moves is found, and nobody waits for ever."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from articles.pipeline.worker_health import IDLE_SECONDS
from tests.cluster import network
from tests.cluster.database import Pair
from tests.cluster.network import NETWORK, Host, Network
from tests.journeys.installation import ROOT
from tests.services import postgres

PORT = 4000
MOVING = f"{NETWORK}.10"


@pytest.fixture
def switch() -> Iterator[Network]:
    if reason := network.available():
        pytest.skip(reason)
    with ExitStack() as ending:
        yield Network(ending)


def answer(host: Host, ending: ExitStack) -> None:
    """From now on it tells its name to whoever asks."""
    with host.entered():
        server = ending.enter_context(socket.create_server(("", PORT)))

    def tell() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                client.sendall(host.name.encode())

    threading.Thread(target=tell, daemon=True).start()
    ending.callback(server.shutdown, socket.SHUT_RDWR)


def asked(host: Host, address: str) -> str:
    """Which host answers there; how it fails, where none does."""
    with host.entered():
        try:
            with socket.create_connection((address, PORT), timeout=3) as connection:
                return connection.recv(100).decode()
        except OSError as exc:
            return type(exc).__name__


def test_what_is_cut_is_dark_and_what_moves_is_found(switch: Network) -> None:
    one, other, third = (switch.host(name) for name in ("one", "other", "third"))
    assert asked(one, other.address) == "ConnectionRefusedError"
    with ExitStack() as ending:
        for host in (other, third):
            answer(host, ending)
        assert asked(one, other.address) == "other"
        switch.cut(one.address, other.address)
        assert (asked(one, other.address), asked(third, other.address)) == ("TimeoutError", "other")
        switch.join(one.address, other.address)

        other.take(MOVING)
        assert asked(one, MOVING) == "other"
        time.sleep(1)  # for so long the kernel believes whom it has just believed (net.ipv4.neigh.*.locktime)
        other.leave(MOVING)
        third.take(MOVING)
        assert asked(one, MOVING) == "third"


def test_nobody_waits_for_ever_for_a_database_that_is_dark(switch: Network, tmp_path: Path) -> None:
    """Neither whoever connects, nor whoever has asked and is to be answered; both before a worker counts as hanging."""
    if reason := postgres.available():
        pytest.skip(reason)
    desk = switch.host("desk")
    pair = Pair(tmp_path, MOVING, switch.host("first"), switch.host("second"))
    options = _options(pair.url)
    with ExitStack() as ending:
        ending.enter_context(desk.entered())
        ending.callback(pair.stop)
        pair.start()
        asking = ending.enter_context(psycopg.connect(pair.url, **options))
        timer = threading.Timer(1, switch.cut, (desk.address, MOVING))
        timer.start()
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            asking.execute("SELECT pg_sleep(300)")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(pair.url, **options)
        assert time.monotonic() - began < 2 * IDLE_SECONDS
        timer.join()
        switch.join(desk.address, MOVING)


def _options(url: str) -> dict[str, Any]:
    """What the settings make of it."""
    tell = "import json; from config.settings import DATABASES; print(json.dumps(DATABASES['default']['OPTIONS']))"
    said = subprocess.run(
        [sys.executable, "-c", tell], cwd=ROOT, env={**os.environ, "DATABASE_URL": url}, capture_output=True, check=True
    )
    return dict(json.loads(said.stdout))
