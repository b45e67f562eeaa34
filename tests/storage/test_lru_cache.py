"""Keep what was used last, up to so many bytes."""

from corrlib.storage.lru_cache import LRUCache


def test_what_was_not_used_for_longest_goes_first():
    kept = LRUCache(3, nbytes=len)
    for key in "abc":
        kept.put(key, key)
    assert kept.get("a") == "a"  # used: b is now the oldest
    kept.put("d", "d")
    assert [kept.get(key) for key in "abcd"] == ["a", None, "c", "d"]


def test_a_value_is_made_once_while_it_is_kept():
    kept, made = LRUCache(2, nbytes=len), []

    def make(key):
        made.append(key)
        return key

    for key in "aabab":
        assert kept.of(key, lambda key=key: make(key)) == key
    assert made == ["a", "b"]
    kept.put("c", "c")
    kept.of("a", lambda: make("a"))
    assert made == ["a", "b", "a"]


def test_so_many_are_kept_however_large():
    kept = LRUCache(0, nbytes=len, at_least=2)
    for key in "abc":
        kept.put(key, key * 1000)
    assert len(kept) == 2 and kept.get("a") is None


def test_a_value_that_grows_counts_with_its_size_of_now():
    kept = LRUCache(10, nbytes=len)
    growing = kept.put("grows", [0])
    kept.put("b", [0] * 8)
    assert len(kept) == 2
    growing += [0] * 5
    assert kept.get("grows") is growing and len(kept) == 1


def test_a_value_put_anew_or_dropped_counts_once():
    kept = LRUCache(10, nbytes=len)
    for _ in range(5):
        kept.put("a", [0] * 6)
    kept.drop("a"), kept.drop("a")
    assert len(kept) == 0
    kept.put("b", [0] * 6), kept.put("c", [0] * 4)
    assert len(kept) == 2
