"""Prepares a checkout on a fresh machine, with the standard library alone: `make run` and `make test` begin here.

Makes the virtual environment from the pinned requirements, again only when these have changed. What is missing and
cannot be had is said in one sentence each.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
REQUIREMENTS = {"run": ROOT / "requirements.txt", "test": ROOT / "tests" / "requirements.txt"}
# What the tests' real servers need from Debian. The list pulls in no web server and starts no service.
DEBIAN = [
    *("wordpress", "wordpress-theme-twentytwentythree", "micro-httpd", "mariadb-server-core", "mariadb-client-core"),
    *(f"php8.2{part}" for part in ("", "-cgi", "-cli", "-mysql", "-gd", "-curl", "-xml", "-mbstring", "-zip")),
    "chromium",
    *("iproute2", "nftables", "libfaketime"),  # for tests of many machines, in namespaces of this one
    *("libevent-2.1-7", "libc-ares2"),  # for pgbouncer
]
# Of these the program alone, unpacked: installed they would start a service.
UNPACKED = {name: VENV / "debian" / "usr" / "sbin" / name for name in ("nginx", "pgbouncer")}


def main(purpose: str) -> None:
    if sys.version_info[:2] != (3, 11):
        stop(f"Galley needs Python 3.11, and this is {sys.version.split()[0]}. Install it, or say PYTHON=… to make.")
    if not os.access(ROOT, os.W_OK):
        stop(f"There is no right to write in {ROOT}. Use a copy of your own.")
    make_environment(purpose)
    if purpose == "test":
        install_debian_packages()
        unpack_debian_packages()


def make_environment(purpose: str) -> None:
    """The virtual environment of this very Python, with what this purpose needs in it."""
    requirements = REQUIREMENTS[purpose]
    stamp = VENV / f".installed-{purpose}"
    wanted = f"{sys.version} {hashlib.sha256(requirements.read_bytes()).hexdigest()}"
    there = stamp.read_text() if stamp.is_file() else ""
    if there == wanted:
        return
    if not (VENV / "bin" / "pip").exists() or (there and not there.startswith(sys.version)):
        make_venv()
    say(f"Installing what Galley needs into {VENV.name} (once; a minute or two) …")
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, "--require-hashes", "--requirement", str(requirements)], check=False).returncode:
        stop("The packages could not be installed. Is the Python package index within reach?")
    stamp.write_text(wanted)


def make_venv() -> None:
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    if made.returncode and is_root() and shutil.which("apt-get"):
        apt(["python3.11-venv"])
        made = subprocess.run(command, check=False, capture_output=True, text=True)
    if made.returncode:
        stop("A virtual environment cannot be made. On Debian and Ubuntu: apt-get install python3.11-venv")


def install_debian_packages() -> None:
    """For the real servers of the tests; without them these tests are skipped, and say so at the end."""
    if not shutil.which("dpkg-query"):
        return
    shown = subprocess.run(
        ["dpkg-query", "-W", "-f=${Package} ${Status}\n", *DEBIAN], check=False, capture_output=True, text=True
    )
    there = {line.split()[0] for line in shown.stdout.splitlines() if line.endswith(" installed")}
    missing = [package for package in DEBIAN if package not in there]
    if missing and is_root():
        say(f"Installing for the tests: {' '.join(missing)} …")
        apt(missing)
    elif missing:
        say(f"Not root: {' '.join(missing)} cannot be installed here. The tests that need them will be skipped.")


def unpack_debian_packages() -> None:
    """For the real servers that are no packages of DEBIAN; nobody needs to be root for it."""
    for package, program in UNPACKED.items():
        if program.exists() or shutil.which(package) or not shutil.which("apt-get"):
            continue
        say(f"Unpacking for the tests: {package} …")
        with tempfile.TemporaryDirectory() as folder:
            script = f"apt-get download --quiet {package} && dpkg-deb --extract {package}_*.deb {VENV / 'debian'}"
            if subprocess.run(["sh", "-c", script], check=False, cwd=folder, stdout=subprocess.DEVNULL).returncode:
                say(f"{package} cannot be had here. The tests that need it will be skipped.")


def apt(packages: list[str]) -> None:
    """All at once; where one of them cannot be had, each for itself."""
    if not _apt("update"):
        say("This did not work: apt-get update")
    if not _apt("install", *packages):
        for package in packages:
            if len(packages) == 1 or not _apt("install", package):
                say(f"This did not work: apt-get install {package}")


def _apt(verb: str, *packages: str) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", verb, "--yes", "--quiet", *(["--no-install-recommends"] if packages else []), *packages]
    return not subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL).returncode


def is_root() -> bool:
    return os.geteuid() == 0


def say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def stop(sentence: str) -> None:
    say(sentence)
    raise SystemExit(1)


if __name__ == "__main__":
    main(sys.argv[1])
