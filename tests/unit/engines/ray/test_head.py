"""A node of a cluster is started with a token, without a dashboard, on one interface."""

from pathlib import Path

import pytest

from loquent.engines.ray.head import (
    TOKEN_FILE,
    NodeChoice,
    ray_environment,
    read_token,
    running_node,
    start_command,
    stop_node,
    write_token,
)


def test_a_head_has_no_dashboard_and_one_interface() -> None:
    words = " ".join(start_command(NodeChoice()))
    assert "--head --port 6379" in words
    assert "--node-ip-address 127.0.0.1" in words
    assert "--include-dashboard false" in words


def test_a_machine_joins_with_what_it_gives() -> None:
    choice = NodeChoice(host="10.0.0.6", join="10.0.0.5:6379", n_cpus=0, n_gpus=2)
    words = " ".join(start_command(choice))
    assert "--address 10.0.0.5:6379" in words
    assert "--num-cpus 0 --num-gpus 2" in words
    assert "--head" not in words
    assert choice.address == "10.0.0.5:6379"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.7"])
def test_a_private_cluster_is_kept_from_other_interfaces(host: str) -> None:
    assert ray_environment("t", host)["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"


def test_the_token_is_asked_for_everywhere() -> None:
    for host in ("127.0.0.1", "10.0.0.5"):
        assert ray_environment("secret", host)["RAY_AUTH_MODE"] == "token"
    assert "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" not in ray_environment("t", "10.0.0.5")


def test_a_token_is_for_its_owner_alone(tmp_path: Path) -> None:
    token = write_token(tmp_path / "new")
    assert read_token(tmp_path / "new") == token
    assert (tmp_path / "new" / TOKEN_FILE).stat().st_mode & 0o777 == 0o600
    assert len(token) == 64


def test_a_token_is_not_written_over(tmp_path: Path) -> None:
    write_token(tmp_path)
    with pytest.raises(FileExistsError):
        write_token(tmp_path)


def test_there_may_be_no_token(tmp_path: Path) -> None:
    assert read_token(tmp_path) is None


def test_a_process_that_only_has_the_same_number_is_let_live(tmp_path: Path) -> None:
    (tmp_path / "ray.pid").write_text("1")
    assert running_node(tmp_path) is None
    assert not stop_node(tmp_path)
