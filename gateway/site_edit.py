"""Changing a site file as a person would: one value, all else as it was, whole or not at all."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from gateway.reload import compare
from gateway.site import Site, SiteError, load_site, parse_site
from gateway.site_findings import Problem
from gateway.toml_lines import key_lines

_UNIT_LINE = re.compile(r"""(\s*(?:unit|"unit"|'unit')\s*=\s*)(["'])[0-9A-Fa-f]{16}\2""")


def swapped(text: str, slot: str, unit: str, file: Path = Path("site.toml")) -> str:
    """The text with another unit in a slot; comments and layout stay.

    Raises SiteError when the text or the result is no good site, or when the unit of the slot
    does not stand on a line of its own. The slot must be there.
    """
    before = parse_site(text, file)
    if any(entry.name == slot and entry.unit == unit for entry in before.slots):
        return text
    index = [entry.name for entry in before.slots].index(slot)
    number = key_lines(text.replace("\r\n", "\n")).get(("slot", index, "unit"))
    lines = text.split("\n")
    found = None if number is None else _UNIT_LINE.match(lines[number - 1])
    if number is None or found is None:
        message = 'write unit = "..." on a line of its own below [[slot]], so that it can be edited'
        raise SiteError([Problem(file, number or 0, f"slot {slot}, unit", message)])
    old = lines[number - 1]
    head, quote = found.groups()
    lines[number - 1] = f"{head}{quote}{unit}{quote}{old[found.end() :]}"
    changed = "\n".join(lines)
    after = parse_site(changed, file)
    if [(c.what, c.key) for c in compare(before, after)] != [(f"slot {slot}", "unit")]:
        message = "cannot be edited here; do it by hand"
        raise SiteError([Problem(file, number, f"slot {slot}, unit", message)])
    return changed


def swap(file: Path, slot: str, unit: str) -> tuple[Site, Site]:
    """Puts another unit into a slot of the file; returns the site before and after.

    A slot that has this unit is left alone. Raises SiteError, KeyError when there is no such slot,
    and OSError when the file cannot be written; then it is as it was.
    """
    before = load_site(file)
    found = before.slot(slot)
    if found is None:
        raise KeyError(slot)
    if found.unit == unit:
        return before, before
    content = file.read_bytes()
    text = swapped(content.decode("utf-8"), slot, unit, file)
    replace_file(file, content, text.encode("utf-8"))
    return before, load_site(file)


def replace_file(file: Path, old: bytes, new: bytes) -> None:
    """Replaces the content of a file that still holds `old`, durably and in one step.

    Raises OSError; then the file is as it was.
    """
    target = file.resolve()
    folder = target.parent
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=folder)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(new)
            out.flush()
            kept = target.stat()
            os.fchmod(out.fileno(), kept.st_mode & 0o7777)
            with suppress(PermissionError):
                os.fchown(out.fileno(), kept.st_uid, kept.st_gid)
            os.fsync(out.fileno())
        if target.read_bytes() != old:
            raise OSError(0, "was changed by somebody else meanwhile; try again", str(file))
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
