"""Nobody gets into a cluster without its token, and nobody beyond this machine reaches it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from loquent.engines.ray.listeners import ray_listeners
from tests.cli.process import environment, run
from tests.live.server import serving
from tests.ray.clusters import RunningCluster, free_port

ENTER = "import ray; ray.init(address={!r}, logging_level='error'); print('in')"
LIMIT_S = 120.0


def test_a_driver_without_the_token_is_refused(cluster: RunningCluster) -> None:
    for told in ({}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "f" * 64}):
        done = subprocess.run(
            [sys.executable, "-c", ENTER.format(cluster.address)],
            env=environment(RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0, **told),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode != 0
        assert "in\n" not in done.stdout
        assert "uthenticat" in done.stdout + done.stderr


def test_no_port_is_open_beyond_this_machine(cluster: RunningCluster) -> None:
    with serving(**cluster.settings, LOQUENT_LEDGER="off", LOQUENT_N_THREADS=1) as server:
        assert server.get("/readyz").status_code == 200
        open_ports = ray_listeners()
        assert {"gcs_server", "raylet", "ServeReplica"} <= {
            each.program.partition(":")[0] for each in open_ports
        }
        assert [each for each in open_ports if not each.is_private] == []


def test_a_gateway_with_another_token_serves_by_itself(cluster: RunningCluster) -> None:
    settings = {**cluster.settings, "LOQUENT_RAY_TOKEN": "0" * 64}
    with serving(**settings, LOQUENT_LEDGER="off", LOQUENT_N_THREADS=1) as server:
        assert server.get("/readyz").status_code == 200
        assert any("cannot be reached" in line for line in server.log)


def test_a_node_is_brought_up_and_down(tmp_path: Path) -> None:
    port = free_port()
    told = {"LOQUENT_DATA_DIR": tmp_path, "LOQUENT_RAY_ADDRESS": f"127.0.0.1:{port}"}
    up = run(tmp_path, "ray", "up", "--port", port, "--cpus", 1, **told)
    try:
        assert up.code == 0, up.err
        assert (tmp_path / "ray.token").stat().st_mode & 0o777 == 0o600
        status = run(tmp_path, "ray", "status", **told)
        assert status.code == 0
        assert "answers" in status.out
        assert "open " not in status.out
        again = run(tmp_path, "ray", "up", "--port", port, **told)
        assert again.code == 1
    finally:
        down = run(tmp_path, "ray", "down", **told)
    assert down.code == 0
    assert run(tmp_path, "ray", "status", **told).code == 1
