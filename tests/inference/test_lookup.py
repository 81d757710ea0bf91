"""A draft is what followed the last run before, and drafting rests where it fails."""

from inference.lookup import PromptLookup


def test_draft_is_what_followed_the_last_run():
    lookup = PromptLookup([1, 2, 3, 4, 5, 1, 2, 3, 9, 9, 7], 3)
    lookup.extend([1, 2])
    assert lookup.draft(8) == ()
    lookup.extend([3])
    assert lookup.draft(8) == (9, 9, 7)
    assert lookup.draft(1) == (9,)
    assert lookup.draft(0) == ()


def test_text_is_looked_in_as_well():
    lookup = PromptLookup([5], 4)
    lookup.extend([1, 2, 3, 4, 1, 2, 3])
    assert lookup.draft(2) == (4, 1)


def test_wrong_drafts_are_followed_by_a_rest():
    lookup = PromptLookup([1, 2, 3] * 9, 4)
    while lookup.draft(4):
        lookup.judge(4, 0)
    assert lookup.offered <= 16
    lookup.extend([1, 2, 3] * 8)
    assert lookup.draft(4) == (1, 2, 3)


def test_right_drafts_never_rest():
    lookup = PromptLookup([1, 2, 3] * 9, 4)
    for _ in range(50):
        assert lookup.draft(4)
        lookup.judge(4, 4)
    assert lookup.rate > 0.97
    assert lookup.expected(8) > 7
