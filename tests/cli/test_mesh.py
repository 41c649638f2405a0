"""`metaprotocol mesh`: what it prints, and its exit status."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from mesh_files import LISTENER, ROUTES, SERVICE, documents
from mesh_running import runtime

from metaprotocol_cli import main
from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec

__all__ = ["runtime"]

GOOD = documents(SERVICE, ROUTES, LISTENER)


def run(*arguments: str, text: str | None = None) -> Result:
    result = CliRunner().invoke(main, ["mesh", *arguments], input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def good(tmp_path: Path) -> str:
    path = tmp_path / "mesh.yaml"
    path.write_text(GOOD)
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "give FILES, or one --codec with --listen and --upstream"),
        (["--codec", "dubbo", "--listen", "1"], "give FILES, or one --codec with --listen and --upstream"),
        (
            ["--codec", "acme:Codec", "--listen", "1", "--upstream", "1"],
            "a class has a name here: --codec NAME=acme:Co",
        ),
        (["--codec", "dubo", "--listen", "1", "--upstream", "1"], "no codec is called 'dubo'; there are awesomerpc,"),
        (["--codec", "dubbo", "--listen", "x:1", "--upstream", "1"], "a listener has an IP address, which 'x' is not"),
        (["--codec", "dubbo", "--listen", "0", "--upstream", "1"], "a port is 1 to 65535"),
        (["mesh.yaml", "--listen", "1"], "leave --listen and --upstream out"),
        (["mesh.yaml", "--codec", "dubbo"], "'dubbo' is not NAME=MODULE:CLASS; a codec that is installed needs no"),
    ],
)
def test_run_says_what_is_wrong_with_its_arguments(arguments: list[str], problem: str) -> None:
    result = run("run", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert problem in " ".join(result.stderr.split())


def test_run_refuses_files_that_others_may_write(good: str, runtime: Path) -> None:
    Path(good).chmod(0o666)
    result = run("run", "--envoy", "/bin/false", good)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"{good}: it is not read: {good} can be written by everybody: `chmod o-w` it\n"
    assert list(runtime.glob("*/*")) == []


def test_check_says_what_there_is(good: str) -> None:
    result = run("check", "--no-envoy", good)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "1 listener, 2 routes, 3 clusters",
        "127.0.0.1:19080 awesomerpc, outbound: messages with missing properties pass",
    ]


def test_check_says_where_it_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "mesh.yaml"
    path.write_text(GOOD.replace("subset: v2", "subste: v2"))
    result = run("check", "--no-envoy", str(path))
    assert (result.exit_code, result.stdout) == (1, "")
    place = f"{path}:30:69: spec.http[0].route[0].destination.subste"
    assert result.stderr == f"{place}: there is no key 'subste' here; did you mean 'subset'?\n"


def test_check_tells_machines(tmp_path: Path) -> None:
    path = tmp_path / "mesh.yaml"
    path.write_text(GOOD.replace("subset: v2", "subset: v3"))
    result = run("check", "--no-envoy", "--json", str(path))
    found = json.loads(result.stdout)
    assert (result.exit_code, found["ok"]) == (1, False)
    (problem,) = found["problems"]
    assert (problem["severity"], problem["line"], problem["path"]) == (
        "error",
        30,
        "spec.http[0].route[0].destination.subset",
    )


def test_a_warning_is_an_error_if_check_is_strict(tmp_path: Path) -> None:
    path = tmp_path / "mesh.yaml"
    path.write_text(GOOD.replace("{user: {exact: jason}}", "{host: {exact: a}}"))
    assert "warning: no property becomes the header 'host'" in run("check", "--no-envoy", str(path)).stderr
    assert run("check", "--no-envoy", str(path)).exit_code == 0
    assert run("check", "--no-envoy", "--strict", str(path)).exit_code == 1


def test_standard_input_is_read() -> None:
    assert run("check", "--no-envoy", "-", text=GOOD).exit_code == 0
    assert "-:1:1" in run("check", "--no-envoy", "-", text="a").stderr


def test_explain_tells_the_route_and_why_not_the_others(good: str) -> None:
    result = run("explain", good, "--property", "user=mary", "--operation", "reviews/7")
    assert result.exit_code == 0
    assert result.stdout == (
        "/reviews/7 at 127.0.0.1:19080 (awesomerpc)\n"
        "  user=mary\n"
        f"- VirtualService default/reviews, http[0]  ({good}:29)\n"
        "    user is 'jason', and the request has 'mary'\n"
        f"+ VirtualService default/reviews, http[1]  ({good}:31)\n"
        "    100% to outbound|9080|v1|reviews.default.svc.cluster.local\n"
    )


def test_explain_reads_recorded_messages(good: str, tmp_path: Path) -> None:
    codec = AwesomeRpcCodec()
    recorded = tmp_path / "stream.c2s.bin"
    recorded.write_bytes(codec.build(0, 1, 7, headers={"user": "jason"}) + codec.build(0, 2, 7, headers={}))
    result = run("explain", good, "--capture", str(recorded), "--json")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["targets"][0]["cluster"].split("|")[2] for one in found] == ["v2", "v1"]


def test_a_request_without_a_route_is_told_by_the_exit_status(tmp_path: Path) -> None:
    path = tmp_path / "mesh.yaml"
    only_jason = "".join(line for line in ROUTES.splitlines(keepends=True) if "subset: v1" not in line)
    path.write_text(documents(SERVICE, only_jason, LISTENER))
    result = run("explain", str(path), "--property", "user=mary")
    assert result.exit_code == 1
    assert result.stdout.endswith("no route: no rule matches. It is answered ROUTE_NOT_FOUND\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["check"], "Missing argument 'FILES...'"),
        (["check", "--labels", "app", "-"], "'app' is not NAME=VALUE"),
        (["explain", "FILE", "--property", "user"], "'user' is not NAME=VALUE"),
        (["explain", "FILE", "--listener", "1"], "no listener has the port 1; there are 19080"),
        (["explain", "FILE", "--capture", "FILE", "--operation", "a"], "--capture has the requests"),
        (["rendr"], "No such command 'rendr'"),
    ],
)
def test_a_wrong_command_line_is_told(good: str, arguments: list[str], sentence: str) -> None:
    result = run(*(good if one == "FILE" else one for one in arguments), text=GOOD)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_the_schema_is_json() -> None:
    assert json.loads(run("schema").stdout)["title"] == "Configuration of metaprotocol mesh"
