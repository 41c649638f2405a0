"""A problem in a file is told with its line, column and keys, and with what would be right."""

import errno
import os
import re
from pathlib import Path

import pytest
from mesh_files import LISTENER, ROUTES, SERVICE, documents, problems

from metaprotocol_mesh.documents import MAX_NODES, plain_value
from metaprotocol_mesh.load import load, load_text, read
from metaprotocol_mesh.model import ServiceEntry, VirtualService
from metaprotocol_mesh.model.base import Duration, regex_fault
from metaprotocol_mesh.places import ConfigurationError

HEAD = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\n"


def told(text: str) -> list[str]:
    return [str(problem) for problem in read("a.yaml", text.encode())[1]]


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("spec:\n  host: [b]", "a.yaml:5:3: spec.host: there is no key 'host' here; did you mean 'hosts'?"),
        (
            "spec: {hosts: [b], http: [{route: [{destination: {hosts: b}}]}]}",
            "a.yaml:4:51: spec.http[0].route[0].destination.hosts: there is no key 'hosts' here; did you mean 'host'?",
        ),
        (
            "spec:\n  hosts: [b]\n  tls: []",
            "a.yaml:6:3: spec.tls: 'tls' is not supported; connection mode is not built yet",
        ),
        ("spec: {hosts: b}", "a.yaml:4:15: spec.hosts: this must be a list, not 'b'; begin each entry with `- `"),
        ("spec: {hosts: [5]}", "a.yaml:4:16: spec.hosts[0]: this must be text, not '5'; write \"5\""),
        ("spec: {hosts: []}", "a.yaml:4:15: spec.hosts: this list must not be empty"),
        (
            "spec: {hosts: [b], http: [{timeout: 5}]}",
            "a.yaml:4:37: spec.http[0].timeout: this must be a duration, not '5'; such as 250ms, 1.5s or 1m",
        ),
        (
            "spec: {hosts: [b], http: [{retries: {attempts: -1}}]}",
            "a.yaml:4:48: spec.http[0].retries.attempts: this must be at least 0, not '-1'",
        ),
        (
            "spec: {hosts: [b], http: [{match: [{headers: {u: {exact: a, prefix: b}}}], route: []}]}",
            "a.yaml:4:69: spec.http[0].match[0].headers.u: only one of exact and prefix may be set",
        ),
        (
            "spec: {hosts: [b], http: [{match: [{headers: {u: {regex: '('}}}]}]}",
            "a.yaml:4:58: spec.http[0].match[0].headers.u.regex: '(' is not a regular expression: missing )",
        ),
        (
            "spec: {hosts: [b], http: [{name: a}]}",
            "a.yaml:4:27: spec.http[0]: a rule needs `route` or `directResponse`",
        ),
        ("spec:\n  hosts: [a]\n  hosts: [b]", "a.yaml:6:3: the key 'hosts' is there twice; it is in line 5, too"),
        ("spec: &a {hosts: *a}", "a.yaml:4:18: the alias *a stands for what it is inside of"),
        ("spec: {5: a}", "a.yaml:4:8: a key must be a text, and '5' is none; write \"5\""),
    ],
)
def test_a_fault_has_its_place(spec: str, problem: str) -> None:
    assert any(line.startswith(problem) for line in told(HEAD + spec))


@pytest.mark.parametrize("size", [1, 4, 65536])
def test_a_table_whose_size_is_no_prime_is_refused(size: int) -> None:
    balancer = f"{{consistentHash: {{useSourceIp: true, maglev: {{tableSize: {size}}}}}}}"
    spec = f"spec: {{host: b, trafficPolicy: {{loadBalancer: {balancer}}}}}"
    rule = HEAD.replace("VirtualService", "DestinationRule") + spec
    (problem,) = told(rule)
    assert problem.endswith(f"Envoy takes prime numbers, and {size} is none")


def test_all_faults_of_all_documents_are_told_at_once() -> None:
    text = f"{HEAD}spec: {{hosts: 1}}\n---\nkind: Foo\napiVersion: v1\n---\n{HEAD.replace('a}', 'A}')}spec: {{}}"
    assert [line.split(": ")[0] for line in told(text)] == ["a.yaml:4:15", "a.yaml:6:7", "a.yaml:11:18", "a.yaml:12:7"]


def test_the_kinds_are_known_by_name_and_version() -> None:
    assert told("kind: VirtualServce\napiVersion: networking.istio.io/v1") == [
        "a.yaml:1:7: kind: the kind 'VirtualServce' is not supported; did you mean 'VirtualService'?"
    ]
    assert "VirtualService is known as networking.istio.io/v1" in told("kind: VirtualService\napiVersion: v1")[0]
    assert told("- a") == [
        "a.yaml:1:1: this is not an object; an object has the keys apiVersion, kind, metadata and spec"
    ]
    assert told("kind: Sidecar\napiVersion: networking.istio.io/v1\nmetadata: {name: a}\nspecs: {}")[0] == (
        "a.yaml:4:1: specs: there is no key 'specs' here; did you mean 'spec'?"
    )


def test_a_billion_laughs_are_bounded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (problem,) = told("\n".join(lines))
    assert f"more than {MAX_NODES:,} values" in problem


def test_depth_is_bounded() -> None:
    assert "more than 64 levels" in told("a: " + "[" * 70)[0]
    (problem,) = told("a: " + "[" * 100_000)
    assert "levels" in problem or "nesting depth" in problem  # PyYAML's C half has a bound of its own


def test_what_is_no_yaml_is_told() -> None:
    (problem,) = told(HEAD + "spec: [")
    assert re.match(r"a\.yaml:[45]:\d: this is not YAML: ", problem)


def test_bytes_that_are_no_text_are_told() -> None:
    _, (problem,) = read("a.yaml", b"kind: a\nb: \xff")
    assert str(problem) == "a.yaml:2:4: this is not UTF-8; save the file as UTF-8"
    _, (problem,) = read("a.yaml", b"kind: a\nb: \x07")
    assert str(problem).startswith("a.yaml:2:")


def test_objects_may_share_by_anchors_and_merge_keys() -> None:
    rules = "- &rule {name: first, route: [{destination: {host: b.c}}]}\n  - {<<: *rule, name: second}"
    text = f"{SERVICE}---\n{HEAD}spec:\n  hosts: [b.c]\n  http:\n  {rules}\n"
    (found,) = load_text(text).of(VirtualService)
    assert [rule.name for rule in found.spec.http] == ["first", "second"]
    assert found.spec.http[1].route == found.spec.http[0].route


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", True),
        ("No", False),
        ("~", None),
        ("", None),
        ("0x10", 16),
        ("010", 8),
        ("1_000", 1000),
        ("1e3", 1000.0),
        ("1:30", "1:30"),
        ("2026-11-27", "2026-11-27"),
        (".", "."),
        ("v1", "v1"),
        ("9" * 50, "9" * 50),
    ],
)
def test_plain_scalars_are_what_kubernetes_makes_of_them(text: str, value: object) -> None:
    assert plain_value(text) == value
    assert type(plain_value(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("1.5s", "1.5s"), ("100ms", "0.1s"), ("1h2m3s", "3723s"), (".5s", "0.5s"), ("0s", "0s"), ("1us", "0.000001s")],
)
def test_durations_are_written_as_in_go(text: str, shown: str) -> None:
    assert str(Duration.parse(text)) == shown


@pytest.mark.parametrize("text", ["5", "", "s", "-1s", "1 s", "1d"])
def test_what_is_no_duration_is_none(text: str) -> None:
    assert Duration.parse(text) is None


def test_folders_are_read_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "routes.yml").write_text(ROUTES)
    (tmp_path / "a.yaml").write_text(SERVICE)
    (tmp_path / "c.txt").write_text("nothing")
    (tmp_path / ".hidden.yaml").write_text(": nothing")
    found = load([tmp_path])
    assert [one.title for one in found.objects] == [
        "ServiceEntry default/reviews",
        "DestinationRule default/reviews",
        "VirtualService default/reviews",
    ]
    assert found.of(VirtualService)[0].spec.at.source == str(tmp_path / "b" / "routes.yml")


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load([tmp_path / "none.yaml", tmp_path])
    assert [problem.text for problem in caught.value.problems] == [
        "it cannot be read: No such file or directory",
        "the folder has no file *.yaml, *.yml, *.json",
    ]


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    """It is not left out: what it led to would be gone without a word."""
    (tmp_path / "a.yaml").write_text(SERVICE)
    (tmp_path / "b.yaml").symlink_to(tmp_path / "gone")
    (tmp_path / ".#a.yaml").symlink_to("an editor's lock")
    with pytest.raises(ConfigurationError, match=r"b\.yaml:1:1: it cannot be read: No such file or directory"):
        load([tmp_path])


def test_a_folder_in_a_folder_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_text(SERVICE)
    closed = tmp_path / "closed"
    closed.mkdir()
    scandir = os.scandir

    def refuse(path: Path) -> object:  # as the system refuses all users but root
        if Path(path) == closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ConfigurationError, match=r"closed:1:1: it cannot be read: Permission denied"):
        load([tmp_path])


def test_pipes_in_a_folder_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SERVICE)
    os.mkfifo(tmp_path / "b.yaml")
    assert len(load([tmp_path]).objects) == 2


def test_what_kubectl_prints_is_read() -> None:
    entry = SERVICE.partition("---")[0].replace("\n", "\n  ").strip()
    text = f"apiVersion: v1\nkind: List\nitems:\n- {entry}\n  status: {{}}\n"
    text = text.replace("namespace: default}", "namespace: default, uid: x, resourceVersion: '1', generation: 1}")
    assert len(load_text(text).of(ServiceEntry)) == 1


def test_two_objects_of_one_name_are_told() -> None:
    (problem,) = problems(SERVICE, ROUTES, ROUTES, LISTENER)
    assert str(problem) == (
        "mesh.yaml:37:18: metadata.name: there are two of VirtualService default/reviews; the other is at mesh.yaml:25"
    )


def test_documents_are_joined() -> None:
    assert len(load_text(documents(SERVICE, ROUTES, LISTENER)).objects) == 4


@pytest.mark.parametrize(
    "regex", ["a++", "a*+", "a{2}+", "(?>a)", "a(?#b)", r"\u0041", r"a\Z", "a{1001}", "a{2,5000}", "(?=a)", r"(a)\1"]
)
def test_a_regex_that_re2_does_not_take_is_told(regex: str) -> None:
    assert "RE2" in regex_fault(regex)


@pytest.mark.parametrize("regex", [r"\++", "[+?]+", r"a\\\\unc", "a{1000}", "[]a*]+", r"\Qa", "{", "a{,3}", r"[\]+]+"])
def test_a_regex_that_looks_like_one_of_python_alone_is_not_told_as_one(regex: str) -> None:
    assert "RE2" not in regex_fault(regex)
