"""run_sample.py FILE: runs a program that may await at its top level, as notebooks do."""

import ast
import asyncio
import inspect
import pathlib
import sys

path = pathlib.Path(sys.argv[1])
code = compile(path.read_text(encoding="utf-8"), path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
names = {"__name__": "__main__"}
if code.co_flags & inspect.CO_COROUTINE:
    asyncio.run(eval(code, names))
else:
    exec(code, names)
