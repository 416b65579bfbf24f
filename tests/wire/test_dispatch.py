"""A deployment answers at its host name, by its header and below its path, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from starlette.responses import JSONResponse
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from loquent.api.app import create_app
from loquent.api.options import ApiOptions
from loquent.ports import ActivityBoard, LiveBoard
from tests.fakes.services import fake_services

HOST = "alpha.deployments.speech.example"


class Echo:
    """Tells what of a request it was handed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": scope["path"]})
            await send({"type": "websocket.close", "code": 1000})
            return
        told = {"path": scope["path"], "raw": scope["raw_path"].decode()}
        await JSONResponse(told)(scope, receive, send)


class One:
    """One deployment, `alpha`."""

    def application(self, deployment_id: str) -> ASGIApp | None:
        return Echo() if deployment_id == "alpha" else None

    def boards(self) -> Iterable[tuple[str, ActivityBoard, LiveBoard]]:
        services = fake_services()
        return [("alpha", services.board, services.live_board)]


@pytest.fixture(scope="module")
def client() -> TestClient:
    options = ApiOptions(domain="speech.example", api_key="lq-key")
    return TestClient(create_app(fake_services(), options, applications=One()))


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/models", {"host": HOST}),
        ("/v1/models", {"x-loquent-deployment": "alpha"}),
        ("/deployments/alpha/v1/models", {}),
        ("/deployments/alpha/v1/models", {"host": HOST}),
    ],
)
def test_a_request_is_handed_over(client: TestClient, path: str, headers: dict[str, str]) -> None:
    answer = client.get(path, headers=headers)
    assert answer.json() == {"path": "/v1/models", "raw": "/v1/models"}
    assert answer.headers["x-loquent-deployment"] == "alpha"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/deployments/alpha/v1/realtime", {}), ("/v1/realtime", {"host": HOST})],
)
def test_so_is_a_socket(client: TestClient, path: str, headers: dict[str, str]) -> None:
    with client.websocket_connect(path, headers=headers) as socket:
        assert socket.receive_text() == "/v1/realtime"


def test_a_host_name_that_is_no_deployments_is_misdirected(client: TestClient) -> None:
    answer = client.get("/v1/models", headers={"host": "beta.deployments.speech.example"})
    assert answer.status_code == 421
    assert answer.json()["error"]["code"] == "unknown_deployment_host"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/deployments/beta/v1/models", {}),
        ("/v1/models", {"x-loquent-deployment": "beta"}),
        ("/v1/models", {"x-loquent-deployment": ""}),
    ],
)
def test_another_id_is_not_found(client: TestClient, path: str, headers: dict[str, str]) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "deployment_not_found"


def test_a_socket_is_told_so_as_well(client: TestClient) -> None:
    with (
        client.websocket_connect("/deployments/beta/v1/realtime") as socket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        socket.receive_text()
    assert closed.value.code == 1008
    assert "no deployment" in closed.value.reason


def test_every_other_host_is_what_all_share(client: TestClient) -> None:
    answer = client.get("/v1/models", headers={"host": "alpha.deployments.localhost"})
    assert answer.status_code == 401
    assert "x-loquent-deployment" not in answer.headers


def test_what_it_does_is_measured_apart(client: TestClient) -> None:
    client.get("/deployments/alpha/v1/models")
    metrics = client.get("/metrics", headers={"authorization": "Bearer lq-key"}).text
    assert 'loquent_queue_length{deployment="alpha",lane="short",model="fake/big"} 2.0' in metrics
    assert 'loquent_queue_length{deployment="",lane="short",model="fake/big"} 2.0' in metrics
    counted = [line for line in metrics.splitlines() if line.startswith("loquent_requests_total")]
    assert any('deployment="alpha"' in line and 'status="200"' in line for line in counted)
