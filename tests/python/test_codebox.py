"""CodeBox: code, its errors, and what it imports, in the image that scripts/make-image makes."""

import asyncio
import io
import zipfile

import boxlite
import pytest
from boxlite._codebox import missing_module
from conftest import until


@pytest.fixture
def code(shared_runtime, python_image):
    """Makes a CodeBox."""

    def make(**options):
        return boxlite.CodeBox(runtime=shared_runtime, rootfs_path=python_image, **options)

    return make


def wheel(name, source, package=None):
    """The bytes of a wheel with one module."""
    package = package or name
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        folder = f"{package}-1.0.dist-info"
        archive.writestr(f"{name}.py", source)
        archive.writestr(f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        archive.writestr(f"{folder}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{folder}/RECORD", f"{name}.py,,\n{folder}/METADATA,,\n{folder}/WHEEL,,\n{folder}/RECORD,,\n")
    return data.getvalue()


async def ended(box, name):
    return (await box.exec("sh", "-c", f"grep -lx {name} /proc/[0-9]*/comm")).exit_code != 0


def test_code_runs_and_fails(code, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys\nprint('é', sys.argv[1:])\n", encoding="utf-8")

    async def test():
        async with code() as box:
            assert await box.run("x = 6 * 7\nprint(x)") == "42\n"
            assert await box.run("print(len('" + "x" * 300_000 + "'))") == "300000\n"
            assert await box.run_script(script, "a", "b c") == "é ['a', 'b c']\n"
            with pytest.raises(boxlite.ExecError) as caught:
                await box.run("print('before')\n1/0")
            assert (caught.value.exit_code, caught.value.code) == (1, "execution_failed")
            assert "ZeroDivisionError" in caught.value.stderr
            with pytest.raises(boxlite.ExecError) as caught:
                await box.run("import sys; sys.exit(3)")
            assert caught.value.exit_code == 3
            with pytest.raises(boxlite.TimeoutError) as late:
                await box.run("print('partial', flush=True)\nwhile True: pass", timeout=3)
            assert late.value.result.stdout == "partial\n"
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(box.run("import time; time.sleep(4713)"), 2)
            await until(lambda: ended(box, "python3"), "the cancelled code ended")
            with pytest.raises(FileNotFoundError):
                await box.run_script(tmp_path / "none.py")

    asyncio.run(test())


def test_a_missing_module_without_a_network_is_named(code):
    async def test():
        async with code() as box:
            with pytest.raises(boxlite.NetworkError) as caught:
                await box.run("print('once')\nimport sklearn.svm")
            assert caught.value.code == "network_unavailable"
            assert "'sklearn'" in caught.value.message and "no network" in caught.value.message
            assert caught.value.hint
            with pytest.raises(boxlite.NetworkError, match="numpy, pandas"):
                await box.install_packages("numpy", "pandas")
            # An import that the code itself survives is the code's own business.
            survived = "try:\n  import none_such\nexcept ImportError:\n  print('fine')"
            assert await box.run(survived) == "fine\n"

    asyncio.run(test())


def test_without_auto_install_a_missing_module_is_an_error_of_the_code(code):
    async def test():
        async with code(auto_install=False) as box:
            with pytest.raises(boxlite.ExecError, match="No module named 'none_such'"):
                await box.run("import none_such")

    asyncio.run(test())


def test_a_wheel_in_the_box_is_installed_without_a_network(code):
    async def test():
        async with code() as box:
            await box.write_file("/tmp/carried-1.0-py3-none-any.whl", wheel("carried", "ANSWER = 42\n"))
            await box.install_package("/tmp/carried-1.0-py3-none-any.whl")
            assert await box.run("import carried; print(carried.ANSWER)") == "42\n"
            with pytest.raises(boxlite.ExecError, match="pip install"):
                await box.install_package("/tmp/nothing-1.0-py3-none-any.whl")
            for bad in ("", "--index-url=http://127.0.0.1"):
                with pytest.raises(boxlite.InvalidArgumentError):
                    await box.install_package(bad)

    asyncio.run(test())


# A default route by lo: what tells a box with a network from one without.
ROUTE = """
import ctypes, fcntl, socket, struct
class Entry(ctypes.Structure):
    _fields_ = [("pad1", ctypes.c_ulong), ("dst", ctypes.c_char * 16), ("gateway", ctypes.c_char * 16),
                ("mask", ctypes.c_char * 16), ("flags", ctypes.c_ushort), ("pad2", ctypes.c_short),
                ("pad3", ctypes.c_ulong), ("pad4", ctypes.c_void_p), ("metric", ctypes.c_short),
                ("dev", ctypes.c_char_p), ("mtu", ctypes.c_ulong), ("window", ctypes.c_ulong),
                ("irtt", ctypes.c_ushort)]
any_address = struct.pack("H14x", socket.AF_INET)
entry = Entry(dst=any_address, gateway=any_address, mask=any_address, flags=1, dev=b"lo")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    fcntl.ioctl(control, 0x890B, entry)
"""


def test_code_that_misses_a_module_runs_again_once_it_is_installed(code):
    """pip takes packages from a directory, by its own configuration, and the route makes the box look connected."""

    async def test():
        async with code() as box:
            await box.run(ROUTE)
            await box.write_file("/wheels/PyYAML-1.0-py3-none-any.whl", wheel("yaml", "ANSWER = 42\n", "PyYAML"))
            await box.write_file(
                "/etc/pip.conf",
                "[global]\nno-index = true\nfind-links = /wheels\nbreak-system-packages = true\n",
            )
            assert await box.run("import yaml; print(yaml.ANSWER)") == "42\n"
            with pytest.raises(boxlite.ExecError, match=r"pip install .*none_such"):
                await box.run("import none_such")
            # The second run is the last: this package does not bring the module that it is for.
            await box.write_file("/wheels/hollow-1.0-py3-none-any.whl", wheel("other", "", "hollow"))
            with pytest.raises(boxlite.ExecError, match="No module named 'hollow'"):
                await box.run("import hollow")

    asyncio.run(test())


@pytest.mark.parametrize(
    "stderr,module",
    [
        ("Traceback…\nModuleNotFoundError: No module named 'numpy'\n", "numpy"),
        ("ModuleNotFoundError: No module named 'a.b.c'", "a"),
        ("ModuleNotFoundError: No module named 'a.b'; 'a' is not a package\n", "a"),
        ("ModuleNotFoundError: No module named 'numpy'\nduring that:\nValueError: x\n", None),
        ("x ModuleNotFoundError: No module named 'numpy'\n", None),
        ("ModuleNotFoundError: No module named '--index-url=x'\n", None),
        ("ImportError: cannot import name 'x' from 'y'\n", None),
        ("", None),
    ],
)
def test_the_missing_module_is_what_the_traceback_ends_with(stderr, module):
    assert missing_module(stderr) == module
