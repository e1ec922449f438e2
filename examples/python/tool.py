"""A tool for an agent: one box, code in, a plain record out, whatever the code does."""

import asyncio
import dataclasses

import boxlite


@dataclasses.dataclass
class Outcome:
    ok: bool
    output: str
    error: str = ""


class PythonTool:
    def __init__(self, seconds: float = 10) -> None:
        self._box = boxlite.SimpleBox(image="python:slim", memory_mib=512)
        self._seconds = seconds

    async def __aenter__(self) -> "PythonTool":
        await self._box.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._box.stop()

    async def run(self, code: str) -> Outcome:
        await self._box.write_file("/tmp/code.py", code)
        try:
            result = await self._box.exec("python3", "/tmp/code.py", timeout=self._seconds, max_output=64 * 1024)
        except boxlite.TimeoutError as error:
            return Outcome(False, error.result.stdout, f"it ran longer than {self._seconds} seconds")
        return Outcome(result.exit_code == 0, result.stdout, result.stderr.strip().rpartition("\n")[2])


async def main():
    async with PythonTool(seconds=5) as tool:
        for code in ("print(6 * 7)", "open('/no/such/file')", "print('begun', flush=True)\nwhile True: pass"):
            print(await tool.run(code))


asyncio.run(main())
