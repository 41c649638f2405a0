"""Makes a cluster as a plan has it: applies and deletes objects, and tells of it in MetaRouters and Events."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from metaprotocol_mesh.istio.hosts import mapping
from metaprotocol_mesh.istio.metarouters import (
    METAROUTERS,
    OURS,
    READ,
    WRITTEN,
    Condition,
    Plan,
    Planner,
    Wanted,
    is_ours,
    router_of,
)
from metaprotocol_mesh.kubernetes import Api, ApiError, Json, Reflector, Resource, Unreachable, key_of, title

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

EVENTS = Resource("events.k8s.io/v1", "events", "Event")
CONTROLLER = "metaprotocol.io/convert"
MANAGER = "metaprotocol-convert"
"""Our name as a field manager."""
_CHANGED = "Changed"
_NOTE = 1024
"""Characters of an Event's note, at most; the API server refuses more."""
_MESSAGE = 32768
"""Characters of a condition's message, at most, as of metav1.Condition."""


class NotHeld(Exception):
    """The Lease is no longer ours, so that another instance writes now."""


class Controller:
    """Brings the cluster in step with its MetaRouters.

    Args:
        api: The server.
        planner: Says what should be there.
        stores: What is there, of each kind in READ and WRITTEN.
        report: Is called with each thing done, and True if something is wrong.
        instance: Our name in Events.
        force: Take fields that other field managers have changed in what is ours.
        may_write: Is asked before each change.
    """

    def __init__(
        self,
        api: Api,
        planner: Planner,
        stores: Mapping[Resource, Reflector],
        report: Callable[[str, bool], None],
        instance: str,
        *,
        force: bool = False,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        self._api, self._planner, self._stores, self._report = api, planner, stores, report
        self._instance, self._force, self._may_write = instance, force, may_write
        self._told: dict[str, dict[str, tuple[str, str, str]]] = {}
        self._silent: set[str] = set()
        self._said: set[str] = set()

    async def sync(self, *, everything: bool = False) -> tuple[bool, bool]:
        """Bring the cluster in step.

        Args:
            everything: Apply also what looks as it should be.

        Returns:
            True if all MetaRouters are in force, and True if it should be tried again soon.

        Raises:
            NotHeld: Another instance writes now.
            Unreachable: The server does not answer.
        """
        plans = self._planner.plans({one: self._stores[one].objects for one in READ})
        if everything:
            self._silent.clear()
        good, again = True, False
        for plan in plans:
            applied, repeat = await self._apply_all(plan, everything=everything)
            if applied.reason == _CHANGED:  # the next pass knows
                good, again = False, True
                continue
            conditions = (*plan.conditions, applied)
            repeat |= await self._tell(plan.router, conditions)
            good &= all(one.status != "False" for one in conditions if one.type != "PortNamed")
            again |= repeat
        again |= await self._delete(plans)
        alive = {plan.router["metadata"]["uid"] for plan in plans}
        self._told = {uid: told for uid, told in self._told.items() if uid in alive}
        return good, again

    async def _apply_all(self, plan: Plan, *, everything: bool) -> tuple[Condition, bool]:
        failed: list[tuple[str, str]] = []
        again = False
        for one in plan.wanted:
            try:
                fault = await self._apply(one, everything=everything)
            except Unreachable:
                raise
            except ApiError as error:
                fault, repeat = _fault(error)
                again |= repeat
            if fault is not None:
                failed.append((fault[0], f"{title(one.content)}: {fault[1]}"))
        if failed:
            return Condition("Applied", "False", failed[0][0], "; ".join(text for _, text in failed)), again
        if not plan.wanted:
            text = "what was written for it before stays as it is" if plan.keeps else "there is nothing to apply"
            return Condition("Applied", "Unknown" if plan.keeps else "True", "NothingToApply", text), again
        return Condition("Applied", "True", "Applied", ", ".join(title(one.content) for one in plan.wanted)), again

    async def _apply(self, wanted: Wanted, *, everything: bool) -> tuple[str, str] | None:
        """Apply an object; return a reason and a text if it is not ours."""
        store = self._stores[wanted.resource]
        found = store.objects.get(key_of(wanted.content))
        content = wanted.content
        if found is not None:
            if not is_ours(found):
                text = "it was not written by `convert --watch`; delete it, or hand it over with the label"
                return "NotOurs", f"{text} {'='.join(OURS)}"
            if wanted.is_met(found) and not everything:
                return None
            version = found["metadata"]["resourceVersion"]
            content = {**content, "metadata": {**content["metadata"], "resourceVersion": version}}
        self._check()
        store.expect(key_of(content))
        kept = await self._api.apply(wanted.resource, content, force=self._force and found is not None)
        store.keep(kept)
        if found is None or kept["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
            self._report(f"{title(kept)} {'changed' if found else 'created'}", False)
        return None

    async def _delete(self, plans: Iterable[Plan]) -> bool:
        """Delete what is ours and what no MetaRouter wants any more; return True if something was in the way."""
        wanted = {(one.resource, key_of(one.content)) for plan in plans for one in plan.wanted}
        kept = {"/".join(key_of(plan.router)) for plan in plans if plan.keeps}
        again = False
        for resource in WRITTEN:
            for key, found in list(self._stores[resource].objects.items()):
                if (resource, key) in wanted or not is_ours(found) or router_of(found) in kept:
                    continue
                self._check()
                try:
                    await self._api.delete(resource, found)
                except Unreachable:
                    raise
                except ApiError as error:
                    again = True
                    if error.code != 409:  # otherwise the watch brings what has changed
                        self._report(str(error), True)
                else:
                    if self._stores[resource].objects.get(key) is found:  # and not one that was made since
                        del self._stores[resource].objects[key]
                    self._report(f"{title(found)} deleted", False)
        return again

    async def _tell(self, router: Json, conditions: tuple[Condition, ...]) -> bool:
        """Write conditions into a MetaRouter, and Events of those that changed; return True to try again."""
        uid, status = router["metadata"]["uid"], mapping(router.get("status"))
        found = status.get("conditions")
        before = {one.get("type"): one for one in found if isinstance(one, dict)} if isinstance(found, list) else {}
        written = [_condition(one, router, before.get(one.type, {})) for one in conditions]
        known = {name: (one.get("status"), one.get("reason"), one.get("message")) for name, one in before.items()}
        told = self._told.get(uid, known)
        new = {one["type"]: (one["status"], one["reason"], one["message"]) for one in written}
        self._told[uid] = new
        for one in conditions:
            if told.get(one.type) != new[one.type] and one.status != "Unknown":
                if one.status == "False":
                    self._report(f"{title(router)}: {one.message}", True)
                await self._event(router, one)
        if all(before.get(one["type"]) == one for one in written) or METAROUTERS.plural in self._silent:
            return False
        others = [one for name, one in before.items() if name not in new]
        self._check()
        store = self._stores[METAROUTERS]
        store.expect(key_of(router))
        try:
            store.keep(await self._api.set_status(METAROUTERS, router, {"conditions": others + written}))
        except Unreachable:
            raise
        except ApiError as error:
            if error.code == 404 and error.named:
                return False  # it has just been deleted
            if error.code in (403, 404):
                self._report_once(METAROUTERS, f"conditions are not written: {error}")
                return False
            if error.code != 409:
                self._report(str(error), True)
            return True
        return False

    async def _event(self, router: Json, condition: Condition) -> None:
        if EVENTS.plural in self._silent:
            return
        namespace, name = key_of(router)
        event = {
            "apiVersion": EVENTS.version,
            "kind": EVENTS.kind,
            "metadata": {"name": f"{name[:200]}.{time.time_ns():x}", "namespace": namespace},
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "action": "Convert",
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance[:128],
            "regarding": {
                "apiVersion": router["apiVersion"],
                "kind": router["kind"],
                "namespace": namespace,
                "name": name,
                **{one: router["metadata"][one] for one in ("uid", "resourceVersion")},
            },
            "type": "Warning" if condition.status == "False" else "Normal",
            "reason": condition.reason,
            "note": condition.message[:_NOTE],
        }
        self._check()
        try:
            await self._api.create(EVENTS, event)
        except Unreachable:
            raise
        except ApiError as error:  # the condition says the same
            if error.code == 403:
                self._report_once(EVENTS, f"Events are not written: {error}")

    def _report_once(self, resource: Resource, text: str) -> None:
        self._silent.add(resource.plural)
        if resource.plural not in self._said:
            self._said.add(resource.plural)
            self._report(text, True)

    def _check(self) -> None:
        if not self._may_write():
            raise NotHeld


def _fault(error: ApiError) -> tuple[tuple[str, str], bool]:
    """Return the reason and the text of a refused apply, and True if it may work soon."""
    if error.owners:
        text = f"other field managers own what the MetaRouter says: {'; '.join(error.owners)}"
        return ("Conflict", f"{text}; undo their change, or run with --force-conflicts"), False
    if error.code == 409:
        return (_CHANGED, "it was changed meanwhile"), True
    reason = {403: "Forbidden", 404: "UnknownKind"}.get(error.code, "Refused")
    return (reason, str(error)), error.code not in (400, 422)


def _condition(condition: Condition, router: Json, before: Json) -> Json:
    found: Json = {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message[:_MESSAGE],
        "lastTransitionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if "generation" in router["metadata"]:
        found["observedGeneration"] = router["metadata"]["generation"]
    if before.get("status") == condition.status and "lastTransitionTime" in before:
        found["lastTransitionTime"] = before["lastTransitionTime"]
    return found
