"""The one place that binds libyaml: text in, PyYAML's event objects out.

What ksecrets needs of PyYAML is the event stream of its C parser, `yaml._yaml`, which is 3 ms to import.
The package around it (loaders, dumpers, constructors, with `re` and `datetime`) costs 16 ms, which is what a whole
small decryption costs. With `ksecrets.lean.ON`, the package's own body is therefore put off: `yaml`
stands in `sys.modules` as a module that runs its real `__init__` when somebody first asks it for a name, and the
parser makes the events of `text.events`. Whoever imports yaml later in the same process gets the complete, real
package, and from then on the parser makes its events; whoever imported it before is not disturbed, since then there
is nothing to save. Anything unexpected on the lean way ends in the public import. Inside other programs ksecrets is a
plain user of PyYAML.
"""

from __future__ import annotations

import sys

from ksecrets import lean
from ksecrets.errors import KsecretsError, SyntaxRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType
    from typing import Any

_parser: Any = None


def events(text: str) -> Iterator[Any]:
    """The events of libyaml for a whole text: objects of `text.events`, or of PyYAML's classes of the same names.

    Marks count code points from the start of the text without its byte order mark (a leading U+FEFF is not counted),
    lines and columns from 0. Raises SyntaxRefused, with the line and libyaml's reason, where the parser stops; events
    before that place have been given by then. No part of the text is ever in the message.
    """
    try:
        next_event = reader(text)
        while (event := next_event()) is not None:
            yield event
    except KsecretsError:
        raise
    except (Exception, RecursionError) as error:
        refusal = refused(error, text)
        if refusal is None:
            raise
        raise refusal from None


def reader(text: str) -> Callable[[], Any]:
    """A function that gives the next event, and None after the last: as `events`, at C speed, but with libyaml's own
    exceptions: hand those to `refused`."""
    next_event: Callable[[], Any] = parser()(Feed(text)).get_event
    return next_event


def refused(error: BaseException, text: str) -> SyntaxRefused | None:
    """What an exception of the parser means for the user, or None where it did not come from the parser."""
    if isinstance(error, UnicodeEncodeError):
        return SyntaxRefused("a lone surrogate is not a character", line=_line_of(text, error_start(error, text)))
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = getattr(error, "problem", None)
    if isinstance(reason, str):
        context = getattr(error, "context", None)
        reason = f"{reason} {context}" if isinstance(context, str) else reason
        return SyntaxRefused(f"not YAML: {reason.lower()}", line=mark.line + 1 if mark is not None else None)
    reason = getattr(error, "reason", None)
    position = getattr(error, "position", None)
    if isinstance(reason, str) and isinstance(position, int):  # a ReaderError; its position counts bytes
        before = text.encode("utf-8", "surrogatepass")[:position].decode("utf-8", "ignore")
        return SyntaxRefused(f"not YAML: {reason.lower()}", line=_line_of(before, len(before)))
    return None


def error_start(error: UnicodeEncodeError, text: str) -> int:
    """Where in the text an encoding failed: the error itself only knows the block that was being fed."""
    bad = error.object[error.start]
    return max(text.find(bad), 0)


def _line_of(text: str, index: int) -> int:
    """The line, from 1, of a place in the text, by the line breaks that YAML 1.1 knows."""
    before = text[:index].replace("\r\n", "\n")
    return 1 + sum(before.count(char) for char in "\n\r\x85\u2028\u2029")


class Feed:
    """A text as the readable that libyaml pulls from: it encodes a block at a time instead of the whole text."""

    __slots__ = ("name", "position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.name = "<text>"

    def read(self, size: int) -> str:
        start = self.position
        self.position = start + size
        return self.text[start : start + size]


def parser() -> Any:
    """PyYAML's `CParser` class, loaded once. Raises KsecretsError where PyYAML has no C parser."""
    global _parser
    if _parser is None:
        if lean.ON and "yaml" not in sys.modules:
            _parser = _lean_parser()
        if _parser is None:
            try:
                import yaml  # noqa: F401  (a partly imported package is never left behind)
                from yaml._yaml import CParser
            except ImportError as error:
                raise KsecretsError(
                    "this PyYAML was built without libyaml", hint="pip install --force-reinstall PyYAML"
                ) from error
            _parser = CParser
    return _parser


def _lean_parser() -> Any:
    """`CParser` without the body of the yaml package, or None where that does not work out.

    In `yaml._yaml` the first statements fetch exception, event, token and node classes from the package. The errors are
    a small module, and really imported; events are ours. All else is replaced by functions that import the real class
    when one is called, until the package itself is wanted.
    """
    before = set(sys.modules)
    try:
        package = _put_off("yaml")
        if package is None:
            return None
        sys.modules["yaml"] = package
        from yaml._yaml import CParser

        package.__dict__["__getattr__"].ready()
        return CParser
    except Exception:
        for name in set(sys.modules) - before:
            if name == "yaml" or name.startswith("yaml."):
                del sys.modules[name]
        return None


def _put_off(name: str) -> ModuleType | None:
    """A module object for a package, found as an import would find it, whose body runs at the first use of a name."""
    for finder in sys.meta_path:
        spec = finder.find_spec(name, None)
        if spec is not None:
            break
    else:
        return None
    if spec.loader is None or spec.submodule_search_locations is None:
        return None
    module = type(sys)(name)
    module.__spec__ = spec
    module.__loader__ = spec.loader
    module.__package__ = name
    module.__file__ = spec.origin
    module.__path__ = spec.submodule_search_locations
    module.__dict__["__getattr__"] = _Body(module)
    return module


class _Body:
    """The `__getattr__` of the module that was put off (PEP 562)."""

    __slots__ = ("lock", "module", "running", "state")

    REPLACED = ("events", "nodes", "tokens")

    def __init__(self, module: ModuleType) -> None:
        import _thread

        self.module = module
        self.state = "binding"
        self.running = False
        self.lock = _thread.RLock()

    def ready(self) -> None:
        """The C parser is bound: from now on every name means the real package."""
        self.state = "waiting"

    def __call__(self, name: str) -> Any:
        if self.state == "binding":
            return self._while_binding(name)
        with self.lock:
            module = self.module
            if name in module.__dict__:  # another thread was first
                return module.__dict__[name]
            if self.running or (name.startswith("__") and name != "__all__" and name != "__version__"):
                raise AttributeError(f"module 'yaml' has no attribute {name!r}")
            self.running = True
            try:
                spec = module.__spec__
                assert spec is not None
                assert spec.loader is not None
                spec.loader.exec_module(module)
            except BaseException:
                self.running = False
                raise
            self._real_classes()
            if module.__dict__.get("__getattr__") is self:
                del module.__dict__["__getattr__"]
            try:
                return module.__dict__[name]
            except KeyError:
                raise AttributeError(f"module 'yaml' has no attribute {name!r}") from None

    def _while_binding(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "error":
            import yaml.error

            return yaml.error
        if name == "events":
            from ksecrets.text import events

            return events
        if name[:1].islower():
            return _Later(name)
        raise AttributeError(name)

    def _real_classes(self) -> None:
        """Give the parser the classes of the package in place of ours and of the functions."""
        from yaml import _yaml

        bound = _yaml.__dict__
        for module in self.REPLACED:
            for name, value in vars(sys.modules[f"yaml.{module}"]).items():
                if isinstance(value, type) and name in bound:
                    bound[name] = value


class _Later:
    """Stands for a module of which classes are wanted: each is a function that makes an object of the real one."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, cls: str) -> Callable[..., object]:
        name = f"yaml.{self.name}"

        def make(*args: Any) -> object:
            __import__(name)
            made: object = getattr(sys.modules[name], cls)(*args)
            return made

        return make
