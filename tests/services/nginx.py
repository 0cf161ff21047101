"""nginx as the operator's page sets it up, before a web server of a test."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from config.bootstrap import UNPACKED
from tests.services.process import HOST, Server, free_port

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "operator.md"
BESIDE = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {log_format}
    {upstream}
    server {{
        listen {host}:{port};
        {location}
    }}
}}
"""


def program() -> str | None:
    """Where nginx is, None where there is none."""
    unpacked = UNPACKED["nginx"]
    return shutil.which("nginx") or (str(unpacked) if unpacked.exists() else None)


def sample() -> tuple[str, str]:
    """What the operator's page shows: the format of the log, and the location."""
    shown = re.search(r"^    log_format .+?^    location .+?^    \}$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert shown, "docs/operator.md shows nginx before the desk"
    log_format, _, location = shown[0].partition("\n\n")
    return log_format, location


def sample_of_many() -> tuple[str, str]:
    """What the page shows for several web servers: their list, with the first alone, and the lines that name it."""
    shown = re.search(
        r"^    (upstream galley \{.+?\n    \})\n\n(    proxy_pass .+?;)\n\n", PAGE.read_text(), re.M | re.S
    )
    assert shown, "docs/operator.md shows nginx before several web servers"
    return shown[1], shown[2]


def nginx(folder: Path, *servers: str, https: bool = False, host: str = HOST, port: int | None = None) -> Server:
    """Not started yet, before web servers at `host:port`. What it logs of requests lies in `folder`/access; `https`
    says that people came by it.
    """
    executable = program()
    assert executable, "ask program() first"
    folder.mkdir()
    log_format, location = sample()
    location = location.replace("/var/log/nginx/galley.log", f"{folder}/access")
    upstream = ""
    if len(servers) > 1:
        upstream, passing = sample_of_many()
        lines = re.findall(r"^ *server .+$", upstream, re.MULTILINE)
        listed = "\n".join(re.sub(r"server \S+?( |;)", rf"server {server}\1", lines[0]) for server in servers)
        upstream = upstream.replace("\n".join(lines), listed)
        location = re.sub(r" +proxy_pass .+;", passing, location)
    location = location.replace("127.0.0.1:8000", servers[0])
    if https:
        location = location.replace("$scheme", "https")
    port = port or free_port()
    user = f"user {os.environ.get('USER', 'root')};" if os.geteuid() == 0 else ""
    config = BESIDE.format(
        folder=folder, user=user, log_format=log_format, upstream=upstream, host=host, port=port, location=location
    )
    (folder / "nginx.conf").write_text(config)
    return Server([executable, "-p", folder, "-c", folder / "nginx.conf"], port, folder / "log", host=host)
