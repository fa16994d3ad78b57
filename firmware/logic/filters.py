"""Small filters for sampled inputs; integers only."""


def median(values, count, scratch):
    """The median of values[:count], the lower one of an even count; 0 when count is 0.

    `scratch` is a list of at least `count` integers that is overwritten.
    """
    for i in range(count):
        value = values[i]
        j = i
        while j > 0 and scratch[j - 1] > value:
            scratch[j] = scratch[j - 1]
            j -= 1
        scratch[j] = value
    return scratch[(count - 1) // 2] if count else 0


def debounced(held, raw, ages, elapsed_ms, sets_ms, clears_ms):
    """The set of bits `held`, followed by each bit that has differed in `raw` for long enough.

    `sets_ms` and `clears_ms` have the time per bit, 0 to 255 ms; 0 is at once, more takes two looks
    at least. `ages` is a list of one age per bit, updated in place.
    """
    for i in range(len(ages)):
        bit = 1 << i
        if not (held ^ raw) & bit:
            ages[i] = 0
            continue
        # One more than it has lasted, as 0 is for none.
        age = ages[i] + elapsed_ms if ages[i] else 1
        ages[i] = age
        if age > (sets_ms if raw & bit else clears_ms)[i]:
            held ^= bit
            ages[i] = 0
    return held


def persists(age_ms, condition, elapsed_ms, limit_ms):
    """How long a condition has lasted, in ms, at most `limit_ms`; 0 when it does not hold."""
    if not condition:
        return 0
    return min(age_ms + elapsed_ms, limit_ms)


def next_due(due_ms, period_ms, now_ms):
    """When a periodic job that was due at `due_ms` is due again; missed beats are not made up."""
    due_ms += period_ms
    return due_ms if due_ms > now_ms else now_ms + period_ms
