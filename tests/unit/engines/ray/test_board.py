"""What copies tell reaches every gateway, and what is silent is gone."""

from loquent.engines.ray.board import HELD_FOR_S, TOLD_FOR_S, Board


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_gateways_learn_what_copies_tell() -> None:
    board = Board(Hand())
    board.report("app", "one", "busy")
    board.report("app", "two", "idle")
    board.report("app", "one", "idle now")
    board.report("other", "three", "busy")
    assert board.hold(["app"]) == {"app": ["idle now", "idle"]}
    assert board.hold(["new"]) == {"new": []}


def test_a_copy_that_is_silent_is_gone() -> None:
    clock = Hand()
    board = Board(clock)
    board.report("app", "one", "busy")
    clock.now_s += TOLD_FOR_S / 2
    board.report("app", "two", "busy too")
    clock.now_s += TOLD_FOR_S / 2 + 0.1
    assert board.hold(["app"]) == {"app": ["busy too"]}


def test_a_model_is_forsaken_once_no_gateway_has_held_it_for_a_while() -> None:
    clock = Hand()
    board = Board(clock)
    board.hold(["kept", "left"])
    clock.now_s += HELD_FOR_S / 2
    board.hold(["kept"])
    assert board.forsaken() == []
    clock.now_s += HELD_FOR_S / 2 + 0.1
    assert board.forsaken() == ["left"]
    assert board.forsaken() == []


def test_a_board_that_starts_anew_gives_gateways_time_to_come_back() -> None:
    clock = Hand()
    board = Board(clock)
    board.report("app", "one", "busy")
    assert board.forsaken() == []
    clock.now_s += HELD_FOR_S + 0.1
    board.report("app", "one", "busy")
    assert board.forsaken() == ["app"]
