"""Files that others may write to: who does could run code in the mesh, and route its calls."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def distrust(path: Path) -> str:
    """Return why a file or a folder must not be used: others may write to it, or to a folder above; "" if none may.

    Others are all but this user and root. A group of which the user is the only member is the user. What is mounted
    read-only, as Kubernetes mounts a ConfigMap, nobody may write to here.

    Args:
        path: Of the file or folder; links are followed.
    """
    whole = Path(os.path.realpath(path))
    for one in (whole, *whole.parents):
        try:
            facts = one.stat()
            if os.statvfs(one).f_flag & os.ST_RDONLY:
                continue
        except OSError:
            return ""  # who reads it says that it is not there
        reason = _reason(facts, above=one != whole)
        if reason:
            return f"{one} {reason}"
    return ""


def rights(paths: Iterable[Path]) -> frozenset[tuple[str, int, int, int]]:
    """Return what changes when other users get or lose the right to write: path, mode, user and group of each.

    Args:
        paths: Of files and folders; the folders above count, too. Links are followed.
    """
    wholes = {Path(os.path.realpath(path)) for path in paths}
    found = set()
    for one in wholes.union(*(whole.parents for whole in wholes)):
        with suppress(OSError):
            facts = one.stat()
            found.add((str(one), facts.st_mode, facts.st_uid, facts.st_gid))
    return frozenset(found)


def _reason(facts: os.stat_result, *, above: bool) -> str:
    mode = facts.st_mode
    if facts.st_uid not in (0, os.getuid()):
        return f"belongs to {_user(facts.st_uid)}: take it over with `chown`, or copy it"
    if above and mode & stat.S_ISVTX:
        return ""  # as in /tmp, where others cannot replace what is not theirs
    if mode & stat.S_IWOTH:
        return "can be written by everybody: `chmod o-w` it"
    if mode & stat.S_IWGRP and not _alone(facts.st_gid):
        return f"can be written by the group {_group(facts.st_gid)}: `chmod g-w` it"
    return ""


@cache
def _alone(number: int) -> bool:
    """Return True if a group is this user's own, as many systems give each user, or root's."""
    try:
        group = grp.getgrgid(number)
        owner = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return False
    return group.gr_name in (owner, "root") and set(group.gr_mem) <= {owner, "root"}


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"the user {number}"


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
