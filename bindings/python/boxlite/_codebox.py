"""CodeBox: a box that runs Python code and installs what the code imports."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from boxlite._box import flatten
from boxlite._execution import ExecResult
from boxlite._runtime import Boxlite
from boxlite._simplebox import SimpleBox
from boxlite.errors import ExecError, InvalidArgumentError, NetworkError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from boxlite._options import BoxArguments

# The last line of a traceback.
_MISSING = re.compile(r"^ModuleNotFoundError: No module named '([A-Za-z0-9_]+)[^']*'(?:;.*)?\s*\Z", re.MULTILINE)

# Packages that are not called as what they are imported by.
_PACKAGES = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "jwt": "PyJWT",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "pptx": "python-pptx",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}

# Ends with 0 where the machine has a default route, of IPv4 or of IPv6 by another device than lo.
_HAS_NETWORK = r"""
import sys
def lines(name):
    try:
        return [line.split() for line in open("/proc/net/" + name)]
    except OSError:
        return []
v4 = any(line[1:2] == ["00000000"] for line in lines("route"))
v6 = any(line[:2] == ["0" * 32, "00"] and line[-1] != "lo" for line in lines("ipv6_route"))
sys.exit(not (v4 or v6))
"""


def missing_module(stderr: str) -> str | None:
    """The top-level module that a traceback ends with the want of."""
    found = _MISSING.search(stderr)
    return found[1] if found else None


class CodeBox(SimpleBox):
    """A box with Python in it, for code that was not written by you.

    It takes every option of `BoxOptions`, and `auto_install`: code that ends for want of a module is run again, once,
    after its package was installed with pip. That needs a network in the box; without one it raises NetworkError, which
    names the module.
    """

    def __init__(
        self,
        image: str | None = None,
        *,
        auto_install: bool = True,
        runtime: Boxlite | None = None,
        **options: Unpack[BoxArguments],
    ) -> None:
        super().__init__(image, runtime=runtime, **options)
        self._auto_install = auto_install

    async def run(self, code: str, timeout: float | None = None) -> str:
        """Runs Python code in a process of its own and returns its stdout; its stdin is empty.

        `timeout`: seconds for one run, then the whole process tree is killed and TimeoutError raised, whose `.result`
        has the partial output. ExecError where the exit code is not 0 (`.stderr` has the traceback); NetworkError where
        a module is missing and the box has no network to install it from. Cancelled, it kills the process tree.
        """
        return await self._run(code, "the code", [], timeout)

    async def run_script(self, path: str | os.PathLike[str], *args: str, timeout: float | None = None) -> str:
        """As `run`, for the code in a file of the host, with `args` in its sys.argv[1:]. FileNotFoundError."""
        code = await asyncio.to_thread(Path(path).read_text, encoding="utf-8")
        return await self._run(code, os.fspath(path), list(args), timeout)

    async def _run(self, code: str, name: str, args: list[str], timeout: float | None) -> str:
        result = await self._python(code, args, timeout)
        module = missing_module(result.stderr) if result.exit_code and self._auto_install else None
        if module is not None:
            try:
                await self.install_package(_PACKAGES.get(module, module))
            except NetworkError as error:
                raise NetworkError(
                    f"{name} needs the module {module!r}, which is not in the box, and the box has no network to "
                    "install it from",
                    hint="use an image that has it, or write a wheel into the box and install_package its path",
                ) from error
            result = await self._python(code, args, timeout)
        if result.exit_code:
            raise ExecError(name, result.exit_code, result.stderr)
        return result.stdout

    async def _python(self, code: str, args: list[str], timeout: float | None) -> ExecResult:
        # By stdin, because an argument holds 128 KiB at most.
        return await self._finish(flatten("python3", ("-", args)), timeout=timeout, stdin=code)

    async def install_package(self, package: str) -> None:
        """`install_packages` for one."""
        await self.install_packages(package)

    async def install_packages(self, *packages: str) -> None:
        """Installs packages with pip: names, with a version where wanted ("numpy==2.1"), or paths of wheels in the box.

        NetworkError where the box has no network and one is not a path; ExecError where pip fails.
        """
        for package in packages:
            if not package or package.startswith("-"):
                raise InvalidArgumentError(f"{package!r} is not a package")
        online = (await self.exec("python3", "-c", _HAS_NETWORK)).exit_code == 0
        remote = [package for package in packages if "/" not in package and not package.endswith(".whl")]
        if remote and not online:
            raise NetworkError(
                f"{', '.join(remote)} cannot be installed: the box has no network",
                hint="use an image that has it, or write a wheel into the box and install_package its path",
            )
        options = [] if online else ["--no-index"]
        command = ["pip", "install", "--quiet", "--disable-pip-version-check", *options, *packages]
        result = await self.exec("python3", "-m", *command)
        if result.exit_code:
            raise ExecError(" ".join(command), result.exit_code, result.stderr)
