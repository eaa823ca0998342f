"""Prints the public names of this Python's asyncio and of its neighbours, one a line: what `guide.rs` asks for.

    python3 asyncio_names.py > asyncio_names.txt    # with anyio and trio installed

A line with `#` says whose names follow. Names of asyncio's front page stand alone. A class is followed by its public methods and attributes, without those
that it has from another class in the list; `loop` is `AbstractEventLoop`.
"""

import asyncio
import asyncio.subprocess
import concurrent.futures
import contextvars
import platform
import types
from importlib import import_module
from importlib.metadata import version


def members(prefix, cls, listed):
    inherited = {name for base in cls.__mro__[1:] if base in listed for name in dir(base)}
    for name in sorted(dir(cls)):
        if not name.startswith("_") and name not in inherited:
            print(f"{prefix}.{name}")


# `TaskGroup` is not in the `__all__` of Python 3.11, though it is public.
names = sorted({*asyncio.__all__, "TaskGroup"}, key=lambda name: (name.lower(), name))
things = {name: getattr(asyncio, name) for name in names}
classes = {
    name: thing
    for name, thing in things.items()
    if isinstance(thing, type)
    and not issubclass(thing, BaseException)
    # Kinds of loops, policies and watchers, and the glue of the streams: nothing that is called by users.
    and name not in ("BaseEventLoop", "SelectorEventLoop", "DefaultEventLoopPolicy", "StreamReaderProtocol")
    and not (name.endswith("ChildWatcher") and name != "AbstractChildWatcher")
}

print(f"# asyncio, of Python {platform.python_version()}")
print("\n".join(names))
for name, cls in classes.items():
    members("loop" if name == "AbstractEventLoop" else name, cls, classes.values())
members("Process", asyncio.subprocess.Process, ())
print("PIPE\nSTDOUT\nDEVNULL")
print("# concurrent.futures")
for name in concurrent.futures.__all__:
    print(name)
for name in ("Executor", "Future"):
    members(name, getattr(concurrent.futures, name), ())
print("# contextvars")
for name in contextvars.__all__:
    print(name)
for name in ("Context", "ContextVar", "Token"):
    members(name, getattr(contextvars, name), ())
print(f"# AnyIO and Trio, of anyio {version('anyio')} and trio {version('trio')}")
names = set()
for module in map(import_module, ("anyio", "trio")):
    names |= {
        name
        for name in dir(module)
        if not name.startswith("_")
        and not isinstance(getattr(module, name), types.ModuleType)
        and name not in ("TYPE_CHECKING", "annotations")
    }
for part in ("from_thread", "to_thread", "to_process"):
    names |= {f"{part}.{name}" for name in import_module(f"anyio.{part}").__all__}
print("\n".join(sorted(names, key=lambda name: (name.lower(), name))))
