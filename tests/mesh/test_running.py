"""The parts of a running mesh that need no Envoy."""

import errno
import itertools
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from live_engine.config import built_module
from mesh_files import LISTENER, ROUTES, SERVICE, documents, rendered
from mesh_running import ACME, Acme, acme, runtime

from metaprotocol_mesh.files import write_file, write_files
from metaprotocol_mesh.load import load, load_text
from metaprotocol_mesh.places import ConfigurationError
from metaprotocol_mesh.resolve import resolve
from metaprotocol_mesh.running import MeshRun, RuntimeFolderError, files, running_folders, single_service
from metaprotocol_mesh.running.apply import Applier, changed_names, describe
from metaprotocol_mesh.running.code import copy, distrusted, find_codes, signature
from metaprotocol_mesh.running.envoy import rejection_in
from metaprotocol_mesh.running.folders import claim, read_facts, release, write_facts
from metaprotocol_mesh.running.renderer import Renderer, Wish
from metaprotocol_mesh.running.trust import distrust, rights

__all__ = ["acme", "runtime"]


class TestTrust:
    """Files that others may write to."""

    def test_what_is_ours_alone_is_trusted(self, tmp_path: Path) -> None:
        assert distrust(tmp_path) == ""

    @pytest.mark.parametrize("which", ["file", "folder", "link"])
    def test_what_everybody_may_write_is_not(self, tmp_path: Path, which: str) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        file = folder / "mesh.yaml"
        file.touch()
        (tmp_path / "link").symlink_to(file)
        (file if which == "link" else folder if which == "folder" else file).chmod(0o777)
        named = tmp_path / "link" if which == "link" else file
        assert distrust(named).endswith("can be written by everybody: `chmod o-w` it")

    def test_a_right_that_is_given_or_taken_is_a_change(self, tmp_path: Path) -> None:
        file = tmp_path / "folder" / "mesh.yaml"
        file.parent.mkdir()
        file.touch()
        for one in (file, file.parent, tmp_path):
            before, mode = rights([file]), one.stat().st_mode
            one.chmod(0o777)
            assert rights([file]) != before
            one.chmod(mode)
            assert rights([file]) == before

    def test_a_folder_such_as_tmp_is_no_danger(self, tmp_path: Path) -> None:
        file = tmp_path / "shared" / "mesh.yaml"
        file.parent.mkdir()
        file.touch()
        file.parent.chmod(0o1777)
        assert distrust(file) == ""
        assert "everybody" in distrust(file.parent)

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
    def test_what_belongs_to_another_user_or_group_is_not(self, tmp_path: Path) -> None:
        file = tmp_path / "mesh.yaml"
        file.touch()
        os.chown(file, 0, 12345)
        assert distrust(file) == ""
        file.chmod(0o660)
        assert distrust(file) == f"{file} can be written by the group 12345: `chmod g-w` it"
        os.chown(file, 12345, 0)
        assert "belongs to the user 12345" in distrust(file)

    def test_code_that_others_may_write_is_not_loaded(self, acme: Acme) -> None:
        codes = [one for one in find_codes(acme.named)[0] if one.name == "acme"]
        assert distrusted(codes, acme.named) == []
        acme.words.chmod(0o666)
        (problem,) = distrusted(codes, acme.named)
        assert str(problem).startswith(f"{acme.codec.parent}: --codec acme is not loaded: {acme.words} can be")


class TestFolders:
    """The folders of running meshes."""

    def test_two_of_a_name_have_two_folders(self, runtime: Path) -> None:
        first, second = claim("shop"), claim("shop")
        assert [one.name for one in running_folders()] == ["shop", "shop-2"]
        release(*first)
        assert [one.name for one in running_folders()] == ["shop-2"]
        release(*second)
        assert running_folders() == []

    def test_what_a_dead_one_has_left_is_removed(self, runtime: Path) -> None:
        folder, descriptor = claim("shop")
        (folder / "code").mkdir()
        write_facts(folder, {"pid": 1})
        assert read_facts(folder) == {"pid": 1}
        os.close(descriptor)
        assert running_folders() == []
        again, descriptor = claim("shop")
        assert (again, read_facts(folder), list(folder.iterdir())) == (folder, {}, [folder / "lock"])
        release(again, descriptor)

    def test_a_name_becomes_a_safe_one(self, runtime: Path) -> None:
        folder, descriptor = claim("../../etc/a b")
        assert folder.parent.parent == runtime
        assert folder.name == "etc-a-b"
        release(folder, descriptor)

    def test_a_folder_that_others_can_open_is_refused(self, runtime: Path) -> None:
        (runtime / f"metaprotocol-{os.getuid()}").mkdir(mode=0o755)
        with pytest.raises(RuntimeFolderError, match="that nobody else can open"):
            claim("shop")

    def test_a_path_too_long_for_a_socket_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("x" * 100)))
        with pytest.raises(RuntimeFolderError, match="too long for a unix socket"):
            claim("shop")


class TestFiles:
    """The files of the configuration."""

    def test_a_folder_whose_link_is_swapped_has_changed(self, tmp_path: Path) -> None:
        """As Kubernetes changes a mounted ConfigMap."""
        for name in ("first", "second"):
            (tmp_path / f"..{name}").mkdir()
            (tmp_path / f"..{name}" / "mesh.yaml").write_text(SERVICE)
        (tmp_path / "..data").symlink_to("..first")
        (tmp_path / "mesh.yaml").symlink_to("..data/mesh.yaml")
        before = files.signature([str(tmp_path)])
        assert [Path(path).name for path, *_ in before] == ["mesh.yaml"]
        assert tmp_path in files.folders([str(tmp_path)])
        (tmp_path / "..new").symlink_to("..second")
        (tmp_path / "..new").replace(tmp_path / "..data")
        assert files.signature([str(tmp_path)]) != before

    def test_a_file_may_come_and_go(self, tmp_path: Path) -> None:
        path = tmp_path / "mesh.yaml"
        absent = files.signature([str(path)])
        path.touch()
        assert files.signature([str(path)]) != absent
        path.unlink()
        assert files.signature([str(path)]) == absent

    def test_a_folder_that_has_gone_ends_no_watch(self, tmp_path: Path) -> None:
        assert len(list(MeshRun([tmp_path])._looks([tmp_path / "gone"]))) == 1


class TestCode:
    """The code of codecs, which is copied and not imported."""

    def test_the_same_code_has_the_same_version(self, acme: Acme, tmp_path: Path) -> None:
        codes, problems = find_codes(acme.named)
        assert problems == []
        first = copy(codes, tmp_path / "copies")["acme"]
        (acme.codec.parent / "__pycache__").mkdir()
        (acme.codec.parent / "__pycache__" / "codec.cpython-311.pyc").touch()
        assert copy(codes, tmp_path / "copies")["acme"] == first
        acme.write("two")
        second = copy(codes, tmp_path / "copies")["acme"]
        assert second.version != first.version
        assert (first.folder / "acme" / "words.py").read_text() == "WORD = 'one'\n"
        assert second.original(str(second.folder / "acme" / "words.py")) == str(acme.words)

    def test_a_change_is_seen_by_its_signature(self, acme: Acme) -> None:
        codes, _ = find_codes(acme.named)
        before = signature(codes)
        assert signature(codes) == before
        new = acme.words.with_suffix(".new")
        shutil.copy2(acme.words, new)
        new.replace(acme.words)  # of the same size and time
        assert signature(codes) != before

    @pytest.mark.parametrize(
        ("named", "problem"),
        [
            (
                {"acme": "nowhere:A"},
                "--codec acme=nowhere:A: there is no module 'nowhere'; run this in its folder,",
            ),
            ({"acme": "acme.codec"}, "--codec acme=acme.codec: a codec is named as package.module:Class"),
            (
                {"dubbo": "acme.codec:A"},
                "another codec is called dubbo: metaprotocol_codecs.dubbo:DubboCodec is installed",
            ),
        ],
    )
    def test_a_name_that_cannot_be_is_told(self, acme: Acme, named: dict[str, str], problem: str) -> None:
        assert problem in str(find_codes(named)[1][0])


class TestRenderer:
    """The rendering in another process."""

    def render(self, acme: Acme, tmp_path: Path, names: dict[str, str] | None = None) -> list[str]:
        """Return what is wrong with a mesh of the codec."""
        built_module()
        text = documents(SERVICE, ROUTES, LISTENER).replace("awesomerpc", "acme")
        named = names or acme.named
        renderer = Renderer(copy(find_codes(named)[0], tmp_path / "copies"), named)
        try:
            answer = renderer.render(Wish(("-",), text, "", None, tmp_path))
        except ConfigurationError as error:
            return list(map(str, error.problems))
        else:
            assert "listeners.json" in answer.files
            return []
        finally:
            renderer.close()

    def test_a_codec_of_a_folder_is_rendered(self, acme: Acme, tmp_path: Path) -> None:
        assert self.render(acme, tmp_path) == []

    @pytest.mark.parametrize(
        ("code", "problem"),
        [
            ("import nothing_such", "words.py:1:1: the codec acme.codec:AcmeCodec cannot be loaded from"),
            ("\n\n1 +", "words.py:3:1: the codec acme.codec:AcmeCodec cannot be loaded from"),
            ("raise SystemExit(3)", "a codec ended the process that imported it, with exit status 3"),
        ],
        ids=["import", "syntax", "exit"],
    )
    def test_code_that_cannot_be_imported_is_told_where(
        self, acme: Acme, tmp_path: Path, code: str, problem: str
    ) -> None:
        acme.words.write_text(code)
        (text,) = self.render(acme, tmp_path)
        assert problem in text
        assert str(tmp_path / "copies") not in text.partition(": ")[0]

    def test_a_codec_that_cannot_start_is_told_where(self, acme: Acme, tmp_path: Path) -> None:
        acme.codec.write_text(f"{ACME}\n    def __init__(self):\n        raise LookupError('no table')\n")
        (text,) = self.render(acme, tmp_path)
        line = len(acme.codec.read_text().splitlines())
        assert text == f"{acme.codec}:{line}:1: no table"

    def test_a_process_that_has_ended_is_started_again(self, acme: Acme, tmp_path: Path) -> None:
        built_module()
        text = documents(SERVICE, ROUTES, LISTENER).replace("awesomerpc", "acme")
        renderer = Renderer(copy(find_codes(acme.named)[0], tmp_path / "copies"), acme.named)
        wish = Wish(("-",), text, "", None, tmp_path)
        first = renderer.render(wish)
        renderer._process.kill()
        renderer._process.wait()
        assert renderer.render(wish) == first
        renderer.close()

    def test_a_codec_of_another_name_is_told(self, acme: Acme, tmp_path: Path) -> None:
        (text,) = self.render(acme, tmp_path, {"other": "acme.codec:AcmeCodec"})
        assert "the name of the codec acme.codec:AcmeCodec is 'acme'; say --codec acme=acme.codec:AcmeCodec" in text


REJECTED = (
    "[2026-11-28 04:20:00.123][17][warning][config] [a.cc:1] filesystem config update rejected: goo.gle/debugproto   ",
    'name: "reviews"',
    "virtual_hosts {",
    "}",
    ": Domains: value must contain at least 1 item",
)
NEXT = "[2026-11-28 04:20:00.124][17][info][config] [a.cc:2] all fine"


@pytest.mark.parametrize("read", range(len(REJECTED) + 2))
def test_the_reason_of_envoys_refusal_is_told_when_all_of_it_was_read(read: int) -> None:
    told = "Domains: value must contain at least 1 item" if read >= len(REJECTED) else ""
    assert rejection_in([*REJECTED, NEXT][:read]) == told


def test_a_refusal_in_one_line_is_its_reason() -> None:
    line = "[2026-11-28 04:20:00.123][17][warning][config] [a.cc:1] delta config update rejected: no such cluster"
    assert rejection_in([line]) == "no such cluster"


class Envoy:
    """Takes what is in the folder at once, and remembers which clusters its routes have missed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.missed: list[str] = []

    def mark(self) -> int:
        return 0

    def check(self) -> None:
        pass

    def rejection(self, mark: int) -> str:
        return ""

    def get(self, target: str) -> str:
        return ""

    def stats(self, pattern: str) -> dict[str, Any]:
        contents = {path.name: json.loads(path.read_text()) for path in self.folder.glob("*.json")}
        clusters = {one["name"] for one in contents["clusters.json"]["resources"]}
        for name, content in contents.items():
            if name.startswith("routes."):
                routes = content["resources"][0]["virtual_hosts"][0]["routes"]
                self.missed += [to for one in routes if (to := one["route"]["cluster"]) not in clusters]
        listener = contents["listeners.json"]["resources"][0]["name"]
        routes = contents[f"routes.{listener}.json"]
        versions = {
            "listener_manager.lds.version_text": contents["listeners.json"]["version_info"],
            "cluster_manager.cds.version_text": contents["clusters.json"]["version_info"],
            f"http.outbound_{listener}.rds.{listener}.version_text": contents[f"routes.{listener}.json"][
                "version_info"
            ],
        }
        for name, content in contents.items():
            if name.startswith("endpoints."):
                cluster = content["resources"][0]["cluster_name"]
                versions[f"cluster.{cluster}.version_text"] = content["version_info"]
        return {name: version for name, version in versions.items() if re.search(pattern, name)}


def files_of(folder: Path, *texts: str) -> dict[str, Any]:
    return rendered(*texts).files(folder)


class TestApplying:
    """The order in which files come to Envoy."""

    @pytest.mark.parametrize("back", [False, True], ids=["there", "back"])
    def test_routes_never_lead_to_a_cluster_that_is_not_there(self, tmp_path: Path, back: bool) -> None:
        other = ROUTES.replace("subset: v", "subset: new-v")
        sides = [
            files_of(tmp_path, SERVICE, ROUTES, LISTENER),
            files_of(tmp_path, SERVICE.replace("name: v", "name: new-v"), other, LISTENER),
        ]
        old, new = reversed(sides) if back else sides
        assert {name.partition(".")[0] for name in changed_names(old, new)} == {"clusters", "endpoints", "routes"}
        write_files(tmp_path, old)
        envoy: Any = Envoy(tmp_path)
        Applier(tmp_path, envoy, envoy).apply(old, new)
        assert envoy.missed == []
        assert {path.name: json.loads(path.read_text()) for path in tmp_path.glob("*.json")} == new

    def test_files_are_as_before_if_one_cannot_be_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = files_of(tmp_path, SERVICE, ROUTES, LISTENER)
        new = files_of(tmp_path, SERVICE.replace("name: v1", "name: v9"), ROUTES.replace("t: v1", "t: v9"), LISTENER)
        write_files(tmp_path, old)
        calls = itertools.count()

        def full_once(path: Path, content: Mapping[str, Any]) -> bool:
            if next(calls) == 2:
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
            return write_file(path, content)

        monkeypatch.setattr("metaprotocol_mesh.running.apply.write_file", full_once)
        envoy: Any = Envoy(tmp_path)
        with pytest.raises(OSError, match="No space left"):
            Applier(tmp_path, envoy, envoy).apply(old, new)
        assert {path.name: json.loads(path.read_text()) for path in tmp_path.glob("*.json")} == old

    def test_what_has_changed_is_told_in_a_person_s_words(self, tmp_path: Path) -> None:
        old = files_of(tmp_path, SERVICE, ROUTES, LISTENER)
        assert describe(old, files_of(tmp_path, SERVICE, ROUTES.replace("jason", "mary"), LISTENER)) == [
            "routes of 127.0.0.1_19080"
        ]
        moved = files_of(tmp_path, SERVICE.replace("21101", "21103"), ROUTES, LISTENER.replace("19080", "19081"))
        host = "reviews.default.svc.cluster.local"
        assert describe(old, moved) == [
            "listener 127.0.0.1_19080 removed",
            "listener 127.0.0.1_19081 added",
            f"endpoints of outbound|9080||{host}",
            f"endpoints of outbound|9080|v1|{host}",
        ]


DENY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: none, namespace: default}
spec: {action: DENY, rules: [{to: [{operation: {paths: [/reviews/*]}}]}]}
"""
PLUGIN = """
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: plugin, namespace: default}
spec: {url: "file:///plugin.wasm"}
"""
TOKENS = """
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: default}
spec: {jwtRules: [{issuer: i, jwks: '{"keys": []}'}]}
"""
DECIDER = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: decider, namespace: default}
spec:
  hosts: [decider.default.svc.cluster.local]
  resolution: STATIC
  ports: [{number: 8000, name: http, protocol: HTTP}]
  endpoints: [{address: 127.0.0.1}]
---
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: mesh, namespace: istio-system}
spec:
  meshConfig:
    extensionProviders:
    - {name: decider, envoyExtAuthzHttp: {service: decider.default.svc.cluster.local, port: 8000}}
"""
CUSTOM = DENY.replace("action: DENY", "action: CUSTOM, provider: {name: decider}").replace("none", "ask")
LOG = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: log, namespace: default}
spec: {accessLogging: [{providers: [{name: envoy}]}]}
"""
LIMIT = """
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: {name: limit, namespace: default}
spec:
  hosts: [reviews.default.svc.cluster.local]
  routes: [{route: [{destination: {host: reviews.default.svc.cluster.local}}]}]
  localRateLimit: {tokenBucket: {maxTokens: 5, tokensPerFill: 5, fillInterval: 60s}}
"""
INBOUND = LISTENER.replace(
    "  egress:",
    "  ingress: [{port: {number: 19081, name: http-awesomerpc}, defaultEndpoint: '127.0.0.1:2'}]\n  egress:",
)


def drained(folder: Path, old: list[str], new: list[str]) -> list[str]:
    """Return the listeners whose connections a change drains, as the line about it names them."""
    told = describe(files_of(folder, SERVICE, *old), files_of(folder, SERVICE, *new))
    assert told
    return [one.split()[1] for one in told if one.endswith(" (its open connections drain)")]


class TestDraining:
    """The table in docs/mesh/run.md: which changes end connections."""

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            pytest.param([ROUTES], [ROUTES.replace("jason", "mary")], id="a route"),
            pytest.param([], [ROUTES], id="the first route"),
            pytest.param([], [DENY], id="the first policy"),
            pytest.param([DENY], [DENY.replace("DENY", "ALLOW")], id="another policy"),
            pytest.param(
                [DECIDER, CUSTOM],
                [DECIDER, CUSTOM, CUSTOM.replace("ask", "more").replace("reviews", "ratings")],
                id="a further CUSTOM policy",
            ),
            pytest.param([LIMIT], [LIMIT.replace("maxTokens: 5", "maxTokens: 6")], id="another limit"),
        ],
    )
    def test_connections_stay(self, tmp_path: Path, old: list[str], new: list[str]) -> None:
        assert drained(tmp_path, [INBOUND, *old], [INBOUND, *new]) == []

    @pytest.mark.parametrize(
        ("old", "new", "listeners"),
        [
            pytest.param([], [PLUGIN], ["127.0.0.1_19080", "127.0.0.1_19081"], id="a WasmPlugin"),
            pytest.param([], [TOKENS], ["127.0.0.1_19081"], id="a RequestAuthentication"),
            pytest.param(
                [TOKENS], [TOKENS.replace("issuer: i", "issuer: j")], ["127.0.0.1_19081"], id="another issuer"
            ),
            pytest.param([DECIDER], [DECIDER, CUSTOM], ["127.0.0.1_19081"], id="the first CUSTOM policy"),
            pytest.param([], [LOG], ["127.0.0.1_19080", "127.0.0.1_19081"], id="a Telemetry"),
            pytest.param([], [LIMIT], ["127.0.0.1_19080"], id="the first limit of an outbound listener"),
        ],
    )
    def test_connections_drain(self, tmp_path: Path, old: list[str], new: list[str], listeners: list[str]) -> None:
        assert drained(tmp_path, [INBOUND, *old], [INBOUND, *new]) == listeners
        assert drained(tmp_path, [INBOUND, *new], [INBOUND, *old]) == listeners


class TestSingleService:
    """The configuration without a file."""

    def test_every_request_goes_to_the_servers(self) -> None:
        mesh = resolve(load_text(single_service("dubbo", ("127.0.0.1", 20881), [("127.0.0.1", 1), ("::1", 2)])))
        (listener,) = mesh.listeners
        assert (listener.address, listener.port, listener.codec) == ("127.0.0.1", 20881, "dubbo")
        (host,) = listener.hosts
        (cluster,) = [target.cluster for rule in host.rules for target in rule.targets]
        assert cluster.service is not None
        assert [one.address for one in cluster.service.entry.endpoints] == ["127.0.0.1", "::1"]
        assert cluster.service.entry.resolution == "STATIC"

    def test_names_are_looked_up(self) -> None:
        mesh = resolve(load_text(single_service("thrift", ("0.0.0.0", 9090), [("localhost", 9091)])))
        (cluster,) = mesh.clusters.values()
        assert cluster.service is not None
        assert cluster.service.entry.resolution == "DNS"


def test_standard_input_may_be_given() -> None:
    assert len(load(["-"], documents(SERVICE, ROUTES).encode()).objects) == 3
