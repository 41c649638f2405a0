"""Refuses names that cannot be those of a project, before cookiecutter writes anything. The rules are those of `metaprotocol new`."""

import keyword
import re
import sys

NAME = {{ cookiecutter.name | tojson }}
PROJECT = {{ cookiecutter.project | tojson }}
PACKAGE = {{ cookiecutter.package | tojson }}
AUTHOR = {{ cookiecutter.author | tojson }}

problems = []
if not re.fullmatch("[a-z0-9](?:[a-z0-9-]{0,44}[a-z0-9])?", NAME):
    problems.append(f"the name {NAME!r} is not a DNS label of at most 46 characters: lower-case letters, digits, inner hyphens")
if not re.fullmatch("[a-z0-9](?:[a-z0-9-]{0,50}[a-z0-9])?", PROJECT):
    problems.append(f"the project {PROJECT!r} is not a name for a distribution: lower-case letters, digits, inner hyphens")
if not re.fullmatch("[a-z][a-z0-9_]*", PACKAGE) or keyword.iskeyword(PACKAGE) or keyword.issoftkeyword(PACKAGE):
    problems.append(f"the package {PACKAGE!r} is not a name for a Python package: lower-case letters, digits, underscores")
elif PACKAGE in sys.stdlib_module_names:
    problems.append(f"the package {PACKAGE!r} would hide a module of this name")
if not AUTHOR.strip() or not AUTHOR.isprintable() or len(AUTHOR) > 100 or '"' in AUTHOR or "\\" in AUTHOR:
    problems.append("the author is one line of 1 to 100 characters, without double quotes and backslashes")
if problems:
    sys.exit("\n".join(problems))
