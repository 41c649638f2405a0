"""The number of examples that hypothesis tries, in proportion to what the profile says."""

from hypothesis import settings


def examples(times: float) -> settings:
    """Return settings for this many times the examples of the profile that is loaded."""
    return settings(max_examples=round(times * settings.default.max_examples))
