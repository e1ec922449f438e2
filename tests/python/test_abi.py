"""The tables of boxlite/_constants.py and _ffi.py say what include/boxlite.h says.

header == abi/boxlite.abi.json (scripts/abi-manifest --check) and abi/boxlite.abi.json == the two.
"""

import ctypes
import json
import re
import subprocess

import pytest
from boxlite import _constants, _ffi, _library
from conftest import ROOT

MANIFEST = json.loads((ROOT / "abi" / "boxlite.abi.json").read_text())
NUMBERS = {
    "int": ctypes.c_int,
    "size_t": ctypes.c_size_t,
    "uint16_t": ctypes.c_uint16,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "int64_t": ctypes.c_int64,
}


def ctype_of(spelling):
    """What ctypes needs for a type as the header spells it."""
    plain = re.sub(r"\bconst\b", "", spelling).replace(" ", "")
    if plain == "void":
        return None
    if plain in NUMBERS:
        return NUMBERS[plain]
    if plain == "char*":
        return ctypes.c_char_p
    if plain == "char**":
        return ctypes.POINTER(ctypes.c_char_p)
    if plain in _ffi.CALLBACKS:
        return _ffi.CALLBACKS[plain]
    if plain[:-1] in _ffi.STRUCTS:
        return ctypes.POINTER(_ffi.STRUCTS[plain[:-1]])
    if MANIFEST["typedefs"].get(plain, "").startswith("enum "):
        return ctypes.c_int
    if "(*)" in plain:
        return callback_of(spelling)
    if re.fullmatch(r"boxlite_\w+\*\*", plain):
        return ctypes.POINTER(ctypes.c_void_p)
    assert plain.endswith("*"), spelling
    return ctypes.c_void_p


def arguments_of(spelling):
    inner = spelling[spelling.rindex("(") + 1 : spelling.rindex(")")]
    return tuple(ctype_of(part) for part in inner.split(",")) if inner != "void" else ()


def callback_of(spelling):
    return ctypes.CFUNCTYPE(None, *arguments_of(spelling))


def signature_of(callback):
    # An address stands for any pointer: a callback takes bytes as an address and a size.
    return callback._restype_, callback._argtypes_


def same_type(given, expected):
    if given is expected:
        return True
    if hasattr(given, "_argtypes_") and hasattr(expected, "_argtypes_"):
        return signature_of(given) == signature_of(expected)
    return False


def test_manifest_is_what_the_header_says():
    subprocess.run([ROOT / "scripts" / "abi-manifest", "--check"], check=True)


def test_functions_are_those_of_the_header():
    assert sorted(_ffi.FUNCTIONS) == sorted(MANIFEST["functions"])


@pytest.mark.parametrize("name", sorted(MANIFEST["functions"]))
def test_function_has_the_types_of_the_header(name):
    spelling = MANIFEST["functions"][name]["type"]
    result, arguments = _ffi.FUNCTIONS[name]
    assert result == ctype_of(spelling[: spelling.index("(")].strip())
    expected = arguments_of(spelling)
    assert len(arguments) == len(expected)
    assert all(same_type(given, wanted) for given, wanted in zip(arguments, expected, strict=True))


@pytest.mark.parametrize("name", sorted(MANIFEST["structs"]))
def test_struct_has_the_layout_of_the_header(name):
    struct, expected = _ffi.STRUCTS[name], MANIFEST["structs"][name]
    assert ctypes.sizeof(struct) == expected["size"]
    assert sorted(field for field, *_ in struct._fields_) == sorted(expected["fields"])
    for field, kind in struct._fields_:
        assert getattr(struct, field).offset == expected["fields"][field]["offset"], field
        assert same_type(kind, ctype_of(expected["fields"][field]["type"])), field


def test_structs_are_those_of_the_header():
    assert sorted(_ffi.STRUCTS) == sorted(MANIFEST["structs"])


def test_constants_are_those_of_the_header():
    ours = dict(_constants.MACROS)
    for prefix, numbers in _constants.ENUMS.items():
        ours.update({prefix + number.name: int(number) for number in numbers})
    ours["BOXLITE_OK"] = ours.pop("BOXLITE_STATUS_OK")
    assert ours == MANIFEST["constants"]


def readers():
    """Functions that read from a handle: they take one first, and no error."""
    for name, function in MANIFEST["functions"].items():
        takes = function["type"].partition("(")[2].split(",")[0]
        if re.fullmatch(r"const boxlite_\w+ \*\)?", takes) and "err" not in function["parameters"]:
            yield name


# Numbers that are not 0.
NOTHING_IS = {
    "boxlite_box_info_exit_code": _constants.MACROS["BOXLITE_EXIT_CODE_NONE"],
    "boxlite_exec_result_exit_code": -1,
    "boxlite_image_info_history_layer": -1,
    "boxlite_process_info_state": ord("?"),
    "boxlite_runtime_fd": -1,
}


def nothing_of(name):
    function = MANIFEST["functions"][name]
    result = function["type"].partition("(")[0].strip()
    if result == "const char *":
        return None if function["parameters"][1:] == ["n"] else b""
    return None if result.endswith("*") else NOTHING_IS.get(name, 0)


@pytest.mark.parametrize("name", sorted(readers()))
def test_a_reader_of_null_reads_nothing(name):
    arguments = [None] + [0] * (len(MANIFEST["functions"][name]["parameters"]) - 1)
    assert getattr(_library.library(), name)(*arguments) == nothing_of(name)


@pytest.mark.parametrize("name", sorted(name for name in MANIFEST["functions"] if name.endswith("_destroy")))
def test_null_may_be_destroyed(name):
    assert getattr(_library.library(), name)(None) is None


def test_callbacks_have_the_types_of_the_header():
    spelled = {name: text for name, text in MANIFEST["typedefs"].items() if "(*)" in text}
    assert sorted(spelled) == sorted(_ffi.CALLBACKS)
    for name, text in spelled.items():
        assert signature_of(_ffi.CALLBACKS[name]) == signature_of(callback_of(text)), name
