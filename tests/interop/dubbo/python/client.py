"""A client of one of the Dubbo packages for Python: client.py PACKAGE PORT.

Each line of standard input is {"method": ..., "arguments": [...]}, and is answered by {"value": ...} or by
{"error": ...}.
"""

import json
import sys
from importlib import import_module

SERVICE = "org.example.interop.DemoService"


def connect(package, port):
    """Return a client; only one of the packages can name a group."""
    make = import_module(f"{package}.client").DubboClient
    options = {"dubbo_version": "2.7.23", "host": f"127.0.0.1:{port}"}
    if package == "dubbo_ssl":
        return make(SERVICE, "blue", version="1.2.3", **options)
    return make(SERVICE, version="0.0.0", **options)


def main():
    package, port = sys.argv[1:]
    report = sys.stdout
    sys.stdout = sys.stderr
    client = connect(package, port)
    print(json.dumps({"ready": True}), file=report, flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            outcome = {"value": client.call(command["method"], command["arguments"])}
        except Exception as error:  # noqa: BLE001 - whatever the package raises is its report
            outcome = {"error": str(error)}
        print(json.dumps(outcome, default=str), file=report, flush=True)


main()
