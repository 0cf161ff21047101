"""The files of a WordPress, and the PHP that installs and serves it."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .process import HOST, Server, ServerError, free_port, missing, program

DEBIAN = Path("/usr/share/wordpress")
HERE = Path(__file__).parent
MODULES = {"mysqli": "php8.2-mysql", "gd": "php8.2-gd", "xml": "php8.2-xml", "mbstring": "php8.2-mbstring"}
WORKERS = 4
PLUGINS = ("faults", "jwt", "seo", "screens", "doors")


def available() -> str | None:
    if not DEBIAN.exists():
        return "needs wordpress"
    return missing({"php": "php8.2-cli"}) or _missing_modules()


def _missing_modules() -> str | None:
    listed = subprocess.run([_php(), "-m"], capture_output=True, text=True, check=True).stdout.split()
    absent = [package for module, package in MODULES.items() if module not in listed]
    return f"needs {', '.join(absent)}" if absent else None


@dataclass(frozen=True)
class Account:
    """A user of the site: `password` is for the login page, `app_password` for REST."""

    id: int
    login: str
    password: str
    app_password: str


@dataclass(frozen=True)
class Site:
    """Where things are in a site's folder."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "site"

    @property
    def uploads(self) -> Path:
        return self.root / "wp-content" / "uploads"

    @property
    def maintenance(self) -> Path:
        return self.root / ".maintenance"

    @property
    def faults(self) -> Path:
        return self.folder / "faults"

    @property
    def switches(self) -> Path:
        return self.folder / "switches"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    def copy(self) -> None:
        """Copy Debian's files, and add a configuration and plugins of our own.

        A copy without links: PHP resolves them, and would find Debian's configuration beside their targets.
        """
        subprocess.run(["cp", "--recursive", "--dereference", DEBIAN, self.root], check=True)
        shutil.copy(HERE / "wordpress-config.php", self.root / "wp-config.php")
        plugins = self.root / "wp-content" / "mu-plugins"
        plugins.mkdir()
        for plugin in PLUGINS:
            shutil.copy(HERE / f"wordpress-{plugin}.php", plugins)
        self.clear()

    def clear(self) -> None:
        """No uploads, no faults, no switches, no maintenance."""
        for emptied in self.uploads, self.faults, self.switches, self.temporary:
            shutil.rmtree(emptied, ignore_errors=True)
            emptied.mkdir()
        self.maintenance.unlink(missing_ok=True)

    def server(self, database: str, host: str = HOST) -> Server:
        """PHP's own web server, not yet started; `database` is HOST:PORT."""
        port = free_port()
        env = {
            "PHP_CLI_SERVER_WORKERS": str(WORKERS),
            "GALLEY_URL": f"http://{host}:{port}",
            "GALLEY_DATABASE": database,
            "GALLEY_FAULTS": str(self.faults),
            "GALLEY_SWITCHES": str(self.switches),
        }
        serving = ["-S", f"{host}:{port}", "-t", str(self.root), str(HERE / "wordpress-router.php")]
        return Server(self._command() + serving, port=port, log=self.folder / "php.log", env=env, host=host)

    def install(self, server: Server, *, network: bool = False) -> dict[str, Account]:
        """Fill the empty database; return the accounts by name. The server need not run.

        A `network` has a second site, in the folder /news.
        """
        accounts = json.loads(self._run("install", server))
        if network:
            self._run("network", server)
            server.env = {**server.env, "GALLEY_NETWORK": "1"}
            self._run("network", server)
        return {name: Account(**account) for name, account in accounts.items()}

    def _run(self, script: str, server: Server) -> str:
        command = [*self._command(), str(HERE / f"wordpress-{script}.php")]
        env = {**os.environ, **server.env, "HTTP_HOST": f"{server.host}:{server.port}"}
        done = subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True)
        if done.returncode or (script == "network" and done.stdout.strip()):
            raise ServerError(f"WordPress was not installed.\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def _command(self) -> list[str]:
        settings = {
            "display_errors": "0",
            "log_errors": "1",
            "output_buffering": "0",  # a warning is out, and the status 200, before WordPress sets another
            "memory_limit": "256M",
            "upload_max_filesize": "64M",
            "post_max_size": "64M",
            "sendmail_path": "/bin/true",
            "sys_temp_dir": self.temporary,
            "opcache.enable_cli": "1",
            "opcache.revalidate_freq": "0",  # .maintenance is PHP too, and comes and goes
            "opcache.file_update_protection": "0",  # every file of the copy is younger than two seconds
        }
        command = [_php()]
        for name, value in settings.items():
            command += ["-d", f"{name}={value}"]
        return command


def _php() -> str:
    return str(program("php"))
