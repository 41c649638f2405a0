"""A running mesh: Envoy with the engine, kept as the files and the codecs say.

    with MeshRun(["mesh.yaml"], codecs={"acme": "acme_rpc:AcmeCodec"}) as mesh:  # ready now
        mesh.apply()                      # the files have changed: returns a Change, None if they say the same
        mesh.admin.get("/stats")          # Envoy's own admin interface
        mesh.port(19080)                  # where the listener of that port listens
        read_status(mesh.folder).routes   # requests, errors and latencies by route

`MeshRun.watch` applies changes as they come, until `MeshRun.stop`.
"""

from metaprotocol_mesh.running.admin import Admin
from metaprotocol_mesh.running.envoy import EnvoyDied
from metaprotocol_mesh.running.folders import RuntimeFolderError, running_folders
from metaprotocol_mesh.running.run import Change, MeshRun
from metaprotocol_mesh.running.single import single_service
from metaprotocol_mesh.running.status import Status, read_status

__all__ = [
    "Admin",
    "Change",
    "EnvoyDied",
    "MeshRun",
    "RuntimeFolderError",
    "Status",
    "read_status",
    "running_folders",
    "single_service",
]
