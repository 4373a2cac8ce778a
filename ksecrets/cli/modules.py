"""The modules that hot commands import, in one file: `__pycache__/hot.<python>.bin` of the package.

A small decryption imports 60 modules. Each of them is a folder to look into, files to stat, one to open and read, and
together that takes a fifth of the whole process. The first hot command that finds modules missing here therefore writes
what Python has in its `.pyc` files into one file beside them, and the next one reads that: the length of an index in 8
bytes, the index as `marshal` writes it, and of the code behind it what it imports. The second one adds to the index
what the body of each module imports, and from then on these are loaded before it in a row, without a search for each.

It is a cache in every sense: an entry counts only while its source is as it was (time and size, as Python decides it),
anything unexpected is left to Python's own import, and where Python would write no `.pyc` (`PYTHONDONTWRITEBYTECODE`, a
folder that is not ours) nothing is written. It holds code, nothing else, and is trusted as its neighbours are.
"""

from __future__ import annotations

import sys
from _thread import _count as thread_count
from marshal import dumps, loads
from os import O_RDONLY, close, fstat, read, stat
from os import open as open_file
from os import path as paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

    # Of a module: its file, whether it is a package, mtime in ns and size, and where its code stands behind the index,
    # with its length (0 for one that is no source); what its body imports, each behind what it imports itself, or None
    # where that is not known.
    Place = tuple[str, bool, int, int, int, int, tuple[str, ...] | None]

# What `importlib.machinery` and `importlib.util` give, without the import of either.
_external = sys.modules["_frozen_importlib_external"]
_Code = type((lambda: None).__code__)
_bootstrap = sys.modules["_frozen_importlib"]
_MADE_FOR = (_external.MAGIC_NUMBER, 2)
"""The Python that compiled the code, and the number of this layout: higher wherever it changes."""
_PACKAGES = ("ksecrets", "cryptography", "yaml")

try:
    from os import pread as _read_at

    _BINARY = 0
except ImportError:  # pragma: no cover - Windows
    import _thread
    from os import O_BINARY as _BINARY  # type: ignore[attr-defined, no-redef]
    from os import SEEK_SET, lseek

    _lock = _thread.allocate_lock()

    def _read_at(stream: int, length: int, at: int, /) -> bytes:
        with _lock:
            lseek(stream, at, SEEK_SET)
            return read(stream, length)


class _Loader(_external.SourceFileLoader):  # type: ignore[misc, name-defined]
    """Python's own loader of a source file, but for where its code comes from."""

    code = b""
    modules: Modules

    def get_code(self, fullname: str) -> CodeType | None:
        try:
            code = loads(self.code)
        except (EOFError, ValueError, TypeError):
            code = None
        self.code = b""
        if isinstance(code, _Code):
            return code
        self.modules.forget(fullname)  # a damaged file: what Python has itself
        found: CodeType | None = super().get_code(fullname)
        return found

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        self.modules.loaded(self.name)


class _Extension(_external.ExtensionFileLoader):  # type: ignore[misc, name-defined]
    """Python's own loader of a compiled module."""

    modules: Modules

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        self.modules.loaded(self.name)


class Modules:
    """A finder for `sys.meta_path`: knows the modules that are in the file, and no others."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._stream = -1
        self._behind = 0  # where the index ends
        self._entries: dict[str, Place] = {}
        self._missed = False
        self._damaged = False
        # The module at hand that something imports which is no module's body. It stays where that fails: no more rows.
        self._root: str | None = None
        self._loaded: list[str] = []  # in the order in which they were complete
        self._imports: dict[str, tuple[str, ...]] = {}  # of the roots, as far as it was not known
        try:
            self._stream = open_file(file, O_RDONLY | _BINARY)
            size = int.from_bytes(read(self._stream, 8), "big")
            if size < fstat(self._stream).st_size:
                made_for, entries = loads(read(self._stream, size))
                if made_for == _MADE_FOR:
                    self._entries = entries
                    self._behind = 8 + size
        except (OSError, EOFError, ValueError, TypeError):
            pass

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module of one of our packages, where the file has it as it stands in that package's folder."""
        if path is None or name[: name.find(".")] not in _PACKAGES:
            return None
        spec = self._spec(name, path)
        if spec is None:
            self._missed = True
        elif spec.submodule_search_locations is not None:
            pass  # a package: importing what is in it would begin with the package itself
        elif self._root is None and thread_count() == 0:  # others could see a module of the row half done
            self._root = name
            imports = self._entries[name][6]
            if imports is None:
                self._loaded.clear()
            else:
                self._load(imports)
                self._root = None
        return spec

    def _load(self, names: Sequence[str]) -> None:
        """Import modules in a row; where one fails, Python's own import will say so in the right place."""
        modules = sys.modules
        for name in names:
            if name in modules:
                continue
            parent, _, child = name.rpartition(".")
            try:
                if parent not in modules:
                    __import__(parent)  # the top of a library
                    if name in modules:
                        continue
                spec = self._spec(name, modules[parent].__path__)
                if spec is None:
                    return
                setattr(modules[parent], child, _bootstrap._load_unlocked(spec))
            except Exception:
                return

    def loaded(self, name: str) -> None:
        """A module is complete."""
        if name == self._root:
            self._imports[name] = tuple(self._loaded)
            self._root = None
        self._loaded.append(name)

    def forget(self, name: str) -> None:
        """What the file has of a module is of no use."""
        self._entries.pop(name, None)
        self._missed = self._damaged = True

    def _spec(self, name: str, path: Sequence[str]) -> ModuleSpec | None:
        entry = self._entries.get(name)
        if entry is None:
            return None
        file, package, mtime, size, at, length, _ = entry
        try:
            found = stat(file)
            folder = path[0]
        except (OSError, LookupError, TypeError):
            return None
        inside = paths.dirname(file) if package else file
        if (found.st_mtime_ns, found.st_size) != (mtime, size) or paths.dirname(inside) != folder:
            return None
        if length:
            loader = _Loader(name, file)
            loader.code = self._code(at, length)
            if len(loader.code) != length:
                return None
        else:
            loader = _Extension(name, file)
        loader.modules = self
        spec: ModuleSpec = _bootstrap.ModuleSpec(name, loader, origin=file, is_package=package)
        spec.has_location = True
        spec.cached = self._file  # else a path is put together
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(inside)
        return spec

    def _code(self, at: int, length: int) -> bytes:
        try:
            return _read_at(self._stream, length, self._behind + at)
        except OSError:
            return b""

    def save(self) -> None:
        """Write the file anew where a hot command missed a module in it. Never fails: without it, all is as it was."""
        from ksecrets import lean  # out of the file itself, where it has it

        if not ((self._missed or self._imports) and lean.ON) or sys.dont_write_bytecode:
            return
        from os import O_CREAT, O_EXCL, O_WRONLY, W_OK, access, getpid, replace, unlink, write

        if not access(paths.dirname(self._file), W_OK):
            return
        codes: dict[str, tuple[str, bool, int, int, bytes]] = {}
        imports = {}
        for name, (file, package, mtime, size, at, length, known) in self._entries.items():
            code = self._code(at, length)
            if len(code) == length:
                codes[name] = (file, package, mtime, size, code)
                imports[name] = self._imports.get(name, known)
        before = dict(codes)
        for name in list(sys.modules):
            entry = _entry(name) if name.partition(".")[0] in _PACKAGES else None
            if entry is not None:
                codes[name] = entry
                imports[name] = None
        if codes == before and not (self._imports or self._damaged):
            return
        if self._stream >= 0:
            close(self._stream)
            self._stream = -1
        places: dict[str, Place] = {}
        at = 0
        for name, (file, package, mtime, size, code) in codes.items():
            places[name] = (file, package, mtime, size, at, len(code), imports[name])
            at += len(code)
        index = dumps((_MADE_FOR, places))
        part = f"{self._file}.{getpid()}"
        try:
            stream = open_file(part, O_WRONLY | O_CREAT | O_EXCL | _BINARY, 0o644)
        except OSError:
            return
        try:
            try:
                data = memoryview(
                    b"".join([len(index).to_bytes(8, "big"), index, *(code[4] for code in codes.values())])
                )
                while data:
                    data = data[write(stream, data) :]
            finally:
                close(stream)
            replace(part, self._file)
        except OSError:
            try:
                unlink(part)
            except OSError:
                pass


def _entry(name: str) -> tuple[str, bool, int, int, bytes] | None:
    """What Python loaded in its own way, as an entry of the file."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    loader = getattr(spec, "loader", None)
    if spec is None or "." not in name or spec.origin is None:
        return None
    kind = type(loader)
    try:
        found = stat(spec.origin)
        if kind is _external.SourceFileLoader:
            code = dumps(loader.get_code(name))  # type: ignore[union-attr]
        elif kind is _external.ExtensionFileLoader:
            code = b""
        else:
            return None
    except (OSError, ImportError, ValueError, SyntaxError):
        return None
    return spec.origin, spec.submodule_search_locations is not None, found.st_mtime_ns, found.st_size, code


def use() -> Modules | None:
    """Put the finder in front of Python's own for files. None where Python has no place for compiled code."""
    tag = sys.implementation.cache_tag
    own = sys.modules["ksecrets"].__file__
    if tag is None or own is None or sys.pycache_prefix is not None:
        return None
    level = f".opt-{sys.flags.optimize}" if sys.flags.optimize else ""
    modules = Modules(paths.join(paths.dirname(own), "__pycache__", f"hot.{tag}{level}.bin"))
    at = len(sys.meta_path)
    for index, finder in enumerate(sys.meta_path):
        if finder is _external.PathFinder:
            at = index
    sys.meta_path.insert(at, modules)
    return modules
