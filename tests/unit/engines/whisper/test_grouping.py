"""What has one key is collected, and nothing is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loquent.engines.whisper.grouping import grouped


@given(st.lists(st.integers(0, 30)), st.integers(1, 5))
def test_every_item_is_in_the_group_of_its_key_in_its_order(items: list[int], n: int) -> None:
    groups = grouped(items, lambda item: item % n)
    keys = [{item % n for item in group} for group in groups]
    assert all(len(key) == 1 for key in keys)
    assert len({key.pop() for key in keys}) == len(groups)
    for group in groups:
        assert group == [item for item in items if item % n == group[0] % n]
    assert sorted(item for group in groups for item in group) == sorted(items)


@given(st.lists(st.integers(0, 30)))
def test_groups_stand_in_the_order_of_their_first_items(items: list[int]) -> None:
    firsts = [group[0] for group in grouped(items, lambda item: item)]
    assert firsts == list(dict.fromkeys(items))
