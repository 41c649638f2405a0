"""The account that the programs at both ends of a Dubbo connection give of it, which the recorded bytes must match.

Nothing here comes from our codec. The programs tell what they called, with which attachments, and what came of it, and
Java its numbers of the requests. What no program can see, the status of a failed call and the heartbeats, is read from
the headers by the framer of `dubbo_frames`.
"""

from pathlib import Path
from typing import Any

from dubbo_frames import frames

from peers.dubbo_clients import ClientKind, OtherClient
from peers.dubbo_java import SERVICE, JavaClient, JavaProvider

_STRING, _OBJECT, _NODE = "Ljava/lang/String;", "Ljava/lang/Object;", "Lorg/example/interop/Node;"
# As DemoService.java declares them.
PARAMETER_TYPES = {
    "echo": _STRING,
    "bytes": "[B",
    "addInt": "II",
    "addLong": "JJ",
    "addDouble": "DD",
    "not": "Z",
    "any": _OBJECT,
    "node": _NODE,
    "list": "Ljava/util/List;",
    "fail": _STRING,
    "note": _STRING,
    "meet": f"I{_STRING}",
}
_INVOKE = f"{_STRING}[{_STRING}[{_OBJECT}"
_EXCEPTIONS = {
    "checked": f"{SERVICE.rpartition('.')[0]}.Trouble",
    "runtime": "java.lang.IllegalStateException",
}
# Local to each program: how many bytes it has read.
_LOCAL = {"input", "output"}

Account = dict[str, Any]


def call_of_java(
    client: JavaClient,
    provider: JavaProvider | None,
    method: str,
    argument: str,
    attachments: dict[str, str],
    parameters: dict[str, str],
) -> list[Account]:
    """Make one call of the Java consumer, and return the account of each request that it took.

    Args:
        client: Who calls.
        provider: Who is called; None where it reports nothing that counts.
        method: The method, and its argument by its name in Values.java.
        argument: See there.
        attachments: What the consumer adds.
        parameters: How the client was made: "group", "version" and "generic".
    """
    outcome = client.call(method, argument, **attachments)
    generic = parameters.get("generic") == "true"
    account = {
        "interface": SERVICE,
        "method": "$invoke" if generic else method,
        "argument": argument,
        "parameter_types": _INVOKE if generic else PARAMETER_TYPES[method],
        "generic_method": method if generic else None,
        "group": parameters.get("group"),
        "version": parameters.get("version", "0.0.0"),
        "oneway": method == "note",
        "attachments": attachments,
    }
    refused = "code" in outcome  # an exception of Dubbo's own
    if provider is not None and not refused:
        seen = [provider.next_call() for _ in range(outcome["ids"])]
        account["attachments"] = {k: v for k, v in seen[0]["attachments"].items() if k not in _LOCAL}
    assert "exception" in outcome or outcome["same"] is True, (method, argument, outcome)
    answer: Account | None = {"exception": outcome.get("exception"), "refused": refused}
    if method != "meet" and not refused:
        answer["attachments"] = {k: v for k, v in outcome["attachments"].items() if k not in _LOCAL}
    if account["oneway"]:
        answer = None
    return [{"id": outcome["id"] + number, **account, "answer": answer} for number in range(outcome["ids"])]


def call_of_another(client: OtherClient, kind: ClientKind, method: str, arguments: list[Any]) -> Account:
    """Make one call of a client in another language, and return the account of it; the client tells no number."""
    outcome = client.call(method, arguments)
    assert ("error" in outcome) == (method == "fail"), outcome
    return {
        "interface": SERVICE,
        "method": method,
        "argument": arguments if len(str(arguments)) < 100 else "long",
        "oneway": False,
        "attachments": {},
        "answer": {"exception": _EXCEPTIONS[arguments[0]] if method == "fail" else None, "refused": False},
    }


def complete(account: Account, folder: Path) -> Account:
    """Add what the headers tell to the account of a recorded connection.

    Args:
        account: With "calls".
        folder: Where the relay has recorded `conn1`.
    """
    streams = {way: frames((folder / f"conn1.{way}.bin").read_bytes()) for way in ("c2s", "s2c")}
    requests = [frame for frame in streams["c2s"] if frame.is_request and not frame.is_heartbeat]
    assert len(requests) == len(account["calls"])
    status = {frame.request_id: frame.status for frame in streams["s2c"] if not frame.is_request}
    for call, request in zip(account["calls"], requests, strict=True):
        call.setdefault("id", request.request_id)
        if call["answer"] is not None:
            call["answer"]["status"] = status[call["id"]]
    account["heartbeats"] = {way: sum(frame.is_heartbeat for frame in found) for way, found in streams.items()}
    account["readonly"] = sum(frame.is_readonly for frame in streams["s2c"])
    return account
