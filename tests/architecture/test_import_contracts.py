"""Each contract that import-linter checks, in a house where each is broken."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.architecture import rooms

# Rooms with one forbidden import for each contract, named in the comment.
BROKEN_HOUSE = {
    "firmware/__init__.py": "",
    "firmware/main.py": "import protocol.schema\n",  # firmware-wire
    "firmware/drivers/__init__.py": "import firmware.nodes\n",  # firmware-layers
    "firmware/logic/__init__.py": "import hil\n",  # firmware-hosts
    "firmware/nodes/__init__.py": "",
    "gateway/__init__.py": "import iotcore\n",  # gateway-install
    "hil/__init__.py": "import gateway\n",  # rooms
    "hil/simulator.py": "import firmware.main\n",
    "protocol/__init__.py": "",
    "protocol/codec.py": "",
    "protocol/generate.py": "import construct\n",
    "protocol/generated/__init__.py": "",
    "protocol/generated/messages.py": "import construct\n",  # wire-definition
    "protocol/generated/wire_gateway.py": "",
    "protocol/link_gateway.py": "",
    "protocol/schema.py": "import construct\n",
    "protocol/security_gateway.py": "",
    "tools/__init__.py": "import firmware.nodes\nimport firmware.logic\n",  # firmware-guests
}


def lint(house: Path) -> subprocess.CompletedProcess[str]:
    shutil.copy(rooms.ROOT / "pyproject.toml", house)
    return subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=house,
        env={"COLUMNS": "1000", "PYTHONPATH": str(house), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def build(house: Path, files: dict[str, str]) -> None:
    for name, source in files.items():
        (house / name).parent.mkdir(parents=True, exist_ok=True)
        (house / name).write_text(source)


def test_every_contract_notices_that_it_is_broken(tmp_path: Path) -> None:
    build(tmp_path, BROKEN_HOUSE)
    done = lint(tmp_path)
    contracts = tomllib.loads(rooms.read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    kept = [c["id"] for c in contracts if f"{c['name']} BROKEN" not in done.stdout]
    assert not kept, done.stdout + done.stderr
    assert done.returncode


def test_what_the_contracts_allow_passes(tmp_path: Path) -> None:
    build(tmp_path, dict.fromkeys(BROKEN_HOUSE, ""))
    allowed = {
        "firmware/main.py": "import firmware.nodes\n",
        "firmware/nodes/__init__.py": "import firmware.logic\nimport firmware.drivers\n",
        "hil/simulator.py": "import firmware.main\nimport protocol.codec\n",
        "protocol/schema.py": "import construct\n",
        "protocol/generate.py": "import construct\nimport protocol.schema\n",
        "tools/__init__.py": "import gateway\nimport hil\nimport firmware.logic\n",
    }
    build(tmp_path, allowed)
    done = lint(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
