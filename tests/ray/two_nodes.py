"""Runs a cluster of several nodes on one machine until its standard input is closed.

Run as a script: `two_nodes.py PORT N_NODES`. It says "up" once all nodes are there.
"""

from __future__ import annotations

import sys

from ray.cluster_utils import Cluster

MEMORY_BYTES = 100 * 1024 * 1024


def main() -> None:
    port, n_nodes = map(int, sys.argv[1:])
    node = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": MEMORY_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "gcs_server_port": port})
    for _ in range(n_nodes - 1):
        cluster.add_node(**node)
    print("up", flush=True)  # noqa: T201 - the test waits for it
    sys.stdin.read()
    cluster.shutdown()


main()
